//! What SPEKE packagers send to the matrix: a document for one key of its stream.
//!
//! Must not know: what is answered.

/// A document for one key of the stage's stream: the attributes of its root and key, and the rest.
macro_rules! cpix {
    ($root:literal, $scheme:literal, $system:literal) => {
        concat!(
            "<c:CPIX xmlns:c='urn:dashif:org:cpix' ",
            $root,
            "><c:ContentKeyList><c:ContentKey kid='00000000-0000-4000-8000-000000000001'",
            $scheme,
            "/></c:ContentKeyList><c:DRMSystemList><c:DRMSystem ",
            "kid='00000000-0000-4000-8000-000000000001' systemId='",
            $system,
            "'/></c:DRMSystemList><c:ContentKeyUsageRuleList><c:ContentKeyUsageRule ",
            "kid='00000000-0000-4000-8000-000000000001' intendedTrackType='ALL'>",
            "<c:VideoFilter/><c:AudioFilter/></c:ContentKeyUsageRule>",
            "</c:ContentKeyUsageRuleList></c:CPIX>"
        )
    };
}

/// SPEKE v1.
pub(super) const V1: &str = cpix!(
    "id='test/shown'",
    "",
    "81376844-f976-481e-a84e-cc25d39b0b33"
);
/// SPEKE v2.0.
pub(super) const V2_0: &str = cpix!(
    "contentId='test/shown' version='2.3'",
    " commonEncryptionScheme='cbc1'",
    "3ea8778f-7742-4bf9-b18b-e834b2acbd47"
);
/// SPEKE v2.1.
pub(super) const V2_1: &str = cpix!(
    "contentId='test/shown' version='2.4'",
    " commonEncryptionScheme='cbc1'",
    "3ea8778f-7742-4bf9-b18b-e834b2acbd47"
);

/// What stands beside the document.
pub(super) fn headers_of(template: &str) -> &'static [(&'static str, &'static str)] {
    match template {
        "/speke/v2.0/copyProtection" => &[("x-speke-version", "2.0")],
        "/speke/v2.1/copyProtection" => &[("x-speke-version", "2.1")],
        _ => &[],
    }
}
