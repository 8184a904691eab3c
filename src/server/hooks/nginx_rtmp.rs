//! nginx-rtmp's callbacks: a form with `call`, `app`, `name`, `addr`, and behind them whatever stood in the
//! publisher's own URL. 2xx allows, 4xx refuses (nginx-rtmp-module wiki, Directives, "Notify").
//!
//! Must not know: who may do what.

use super::told::{Told, Wish};
use crate::crypto::SecretText;
use crate::server::query::Parameters;

/// `None` for what is no question that is answered. The first pair of a name counts: the publisher's stand
/// last, and must not pass for the server's.
pub(super) fn told(body: &str) -> Option<Told> {
    let pairs = Parameters::of(body);
    let value = |name| pairs.value::<String>(name).ok().flatten();
    let wish = match value("call")?.as_str() {
        "publish" => Wish::Publish,
        "play" => Wish::Play,
        "done" | "publish_done" | "play_done" => Wish::Done,
        _ => return None,
    };
    Some(Told {
        wish,
        stream: format!("{}/{}", value("app")?, value("name")?),
        ip: value("addr").and_then(|text| text.parse().ok()),
        query: SecretText::new(own(body).to_owned()),
        basic: None,
    })
}

/// What nginx-rtmp writes itself.
const ITS: [&str; 15] = [
    "app", "flashver", "swfurl", "tcurl", "pageurl", "addr", "clientid", "call", "name", "type",
    "start", "duration", "reset", "recorder", "path",
];

/// The pairs of the publisher's own URL: what stands behind the last of nginx-rtmp's, which stand first.
fn own(body: &str) -> &str {
    let mut seen: Vec<&str> = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let (pair, behind) = rest.split_once('&').unwrap_or((rest, ""));
        let name = pair.split('=').next().unwrap_or_default();
        if !ITS.contains(&name) || seen.contains(&name) {
            return rest;
        }
        seen.push(name);
        rest = behind;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = "app=live&flashver=&swfurl=&tcurl=rtmp%3A%2F%2Fh%2Flive&pageurl=&addr=192.0.2.7\
                        &clientid=1&call=publish&name=news&type=live";

    #[test]
    fn a_publisher_cannot_speak_for_the_server() {
        let body = format!("{SENT}&user=u&pass=p&app=other&name=else&addr=127.0.0.1");
        let told = told(&body).unwrap();
        assert_eq!(
            (told.stream.as_str(), told.wish),
            ("live/news", Wish::Publish)
        );
        assert_eq!(told.ip, "192.0.2.7".parse().ok());
        assert_eq!(
            told.query.expose(),
            "user=u&pass=p&app=other&name=else&addr=127.0.0.1"
        );
        assert!(super::told("call=record_done&app=a&name=b").is_none());
    }

    #[test]
    fn without_anything_of_its_own_there_is_no_query() {
        assert_eq!(told(SENT).unwrap().query.expose(), "");
    }
}
