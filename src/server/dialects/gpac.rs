//! `GET …/gpac.xml`: a crypt file of GPAC, for the option `hlsdrm` of its dasher.
//!
//! Must not know: what is packaged. GPAC writes the sequence number as each segment's IV.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use quick_xml::escape::escape;

use super::{Packager, hex, kid_hex, present, unstored};
use crate::keys::Keys;
use crate::server::error::Failure;

pub(in crate::server) async fn crypt_file(
    request: HttpRequest,
    packager: Packager,
    keys: Data<Keys>,
) -> Result<HttpResponse, Failure> {
    let period = present(&request, &packager, &keys).await?.period;
    let (kid, key) = (kid_hex(period.period.kid), hex(&period.key));
    let (key, uri) = (key.expose(), escape(&period.uri));
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<GPACDRM type=\"CENC AES-CBC\">\n\
         <CrypTrack IsEncrypted=\"1\" IV_size=\"16\" first_IV=\"0x00000000000000000000000000000000\">\n\
         <key KID=\"0x{kid}\" value=\"0x{key}\" hlsInfo=\"URI=&quot;{uri}&quot;\"/>\n\
         </CrypTrack>\n</GPACDRM>\n"
    );
    Ok(unstored("application/xml", text.into_bytes()))
}
