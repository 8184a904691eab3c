//! What a packager that speaks SPEKE asks: one kid of its own, the same for one stream.
//!
//! Must not know: what is answered.

const KID: &str = "00000000-0000-4000-8000-00000000cafe";
const SYSTEM: &str = "81376844-f976-481e-a84e-cc25d39b0b33";

/// A document of version 1 for the stream.
pub(super) fn request(stream: &str) -> String {
    format!(
        "<cpix:CPIX id=\"{stream}\" xmlns:cpix=\"urn:dashif:org:cpix\" \
         xmlns:pskc=\"urn:ietf:params:xml:ns:keyprov:pskc\" xmlns:speke=\"urn:aws:amazon:com:speke\">\
         <cpix:ContentKeyList><cpix:ContentKey kid=\"{KID}\"></cpix:ContentKey></cpix:ContentKeyList>\
         <cpix:DRMSystemList><cpix:DRMSystem kid=\"{KID}\" systemId=\"{SYSTEM}\">\
         <cpix:URIExtXKey></cpix:URIExtXKey></cpix:DRMSystem></cpix:DRMSystemList></cpix:CPIX>"
    )
}
