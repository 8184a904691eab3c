//! `GET …/cpix?start=&end=`: a CPIX document with the periods of a time and their keys, as Unified Origin fetches it
//! to rotate (DASH-IF CPIX 2.3: `ContentKeyPeriod` by `start` and `end`).
//!
//! Must not know: SPEKE, whose packagers bring a document.

use std::fmt::Write as _;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Packager, unstored};
use crate::domain::{Boundary, StreamId, Timestamp};
use crate::keys::{Keys, LeasedPeriod};
use crate::server::audit;
use crate::server::error::Failure;
use crate::server::query::Parameters;

/// Who reads the key's URI from `URIExtXKey`, and who reads whole tags.
const BY_URI: &str = "81376844-f976-481e-a84e-cc25d39b0b33";
const BY_TAG: &str = "3ea8778f-7742-4bf9-b18b-e834b2acbd47";

pub(in crate::server) async fn document(
    request: HttpRequest,
    packager: Packager,
    keys: Data<Keys>,
) -> Result<HttpResponse, Failure> {
    let asked = Parameters::of(request.query_string());
    let (start, end) = (asked.value("start")?, asked.value("end")?);
    let (rendition, permit) = (asked.value("rendition")?, packager.permit());
    let lease = keys.between(permit, (start, end), rendition.as_ref());
    let lease = lease.await?;
    for period in &lease.periods {
        audit::leased(&request, permit, Some(period.period.kid))?;
    }
    let text = text(&lease.stream.id, &lease.periods);
    Ok(unstored("application/xml", text.into_bytes()))
}

/// Nothing in it needs an escape: a stream's name has no character of XML's own.
fn text(stream: &StreamId, periods: &[LeasedPeriod]) -> String {
    let list = |name: &str, each: &dyn Fn(&LeasedPeriod) -> String| {
        let all: String = periods.iter().map(each).collect();
        match all.is_empty() {
            true => String::new(),
            false => format!("<cpix:{name}List>\n{all}</cpix:{name}List>\n"),
        }
    };
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<cpix:CPIX xmlns:cpix=\"urn:dashif:org:cpix\" \
         xmlns:pskc=\"urn:ietf:params:xml:ns:keyprov:pskc\" contentId=\"{}\" version=\"2.3\">\n",
        stream.as_str()
    );
    text.push_str(&list("ContentKey", &content_key));
    text.push_str(&list("DRMSystem", &systems));
    text.push_str(&list("ContentKeyPeriod", &key_period));
    text.push_str(&list("ContentKeyUsageRule", &usage_rule));
    text.push_str("</cpix:CPIX>\n");
    text
}

fn content_key(one: &LeasedPeriod) -> String {
    format!(
        "<cpix:ContentKey kid=\"{}\" commonEncryptionScheme=\"cbc1\"><cpix:Data><pskc:Secret><pskc:PlainValue>{}\
         </pskc:PlainValue></pskc:Secret></cpix:Data></cpix:ContentKey>\n",
        one.period.kid,
        STANDARD.encode(one.key.expose())
    )
}

fn systems(one: &LeasedPeriod) -> String {
    let (kid, uri) = (one.period.kid, &one.uri);
    let tag = format!(
        "#EXT-X-KEY:METHOD=AES-128,URI=\"{uri}\",KEYFORMAT=\"identity\",KEYFORMATVERSIONS=\"1\""
    );
    let mut text = String::new();
    for (system, name, value) in [
        (BY_URI, "URIExtXKey", STANDARD.encode(uri)),
        (BY_TAG, "HLSSignalingData", STANDARD.encode(tag)),
    ] {
        let playlist = if system == BY_TAG {
            " playlist=\"media\""
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "<cpix:DRMSystem kid=\"{kid}\" systemId=\"{system}\"><cpix:{name}{playlist}>{value}</cpix:{name}></cpix:DRMSystem>"
        );
    }
    text
}

/// From when to when; nothing of a stream that never rotates.
fn span(one: &LeasedPeriod) -> Option<(Timestamp, Timestamp)> {
    match (one.period.boundary, one.end) {
        (Boundary::Time(start), Some(Boundary::Time(end))) => Some((start, end)),
        _ => None,
    }
}

/// Either `index` or `start` and `end` (DASH-IF CPIX 2.3, ContentKeyPeriodType).
fn key_period(one: &LeasedPeriod) -> String {
    let kid = one.period.kid;
    let element = span(one).map(|(start, end)| {
        format!("<cpix:ContentKeyPeriod id=\"period-{kid}\" start=\"{start}\" end=\"{end}\"/>\n")
    });
    element.unwrap_or_default()
}

fn usage_rule(one: &LeasedPeriod) -> String {
    let kid = one.period.kid;
    let element = span(one).map(|_| {
        format!(
            "<cpix:ContentKeyUsageRule kid=\"{kid}\"><cpix:KeyPeriodFilter periodId=\"period-{kid}\"/>\
             </cpix:ContentKeyUsageRule>\n"
        )
    });
    element.unwrap_or_default()
}
