//! nginx-rtmp's callbacks: a form with `call`, `app`, `name`, `addr`, and behind them whatever stood in the
//! publisher's own URL; what stood behind its application is in `tcurl` alone. 2xx allows, anything else
//! refuses (nginx-rtmp-module wiki, Directives, "Notify").
//!
//! Must not know: who may do what.

use super::told::{Told, Wish};
use crate::crypto::SecretText;
use crate::server::query::Parameters;

/// `None` for what is no question that is answered. The publisher's own pairs are not escaped, and stand
/// before or behind the server's as the version has it: whichever of two of a name is the server's cannot
/// be known, so there must be one.
pub(super) fn told(body: &str) -> Option<Told> {
    let pairs = Parameters::of(body);
    if SAID.iter().any(|name| pairs.count(name) > 1) {
        return None;
    }
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
        query: SecretText::new(shown(body, &value("tcurl").unwrap_or_default())),
        basic: None,
    })
}

/// What it says that is decided by.
const SAID: [&str; 4] = ["call", "app", "name", "addr"];

/// What stood behind the stream's name, and behind the application's: `rtmp://host/app?word=…/name`.
fn shown(body: &str, tcurl: &str) -> String {
    let (stream, (_, app)) = (own(body), tcurl.split_once('?').unwrap_or_default());
    match (stream, app) {
        (stream, "") => stream.to_owned(),
        ("", app) => app.to_owned(),
        (stream, app) => format!("{stream}&{app}"),
    }
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
    fn its_question_is_understood() {
        let told = told(&format!("{SENT}&user=u&pass=p")).unwrap();
        assert_eq!(
            (told.stream.as_str(), told.wish),
            ("live/news", Wish::Publish)
        );
        assert_eq!(told.ip, "192.0.2.7".parse().ok());
        assert_eq!(told.query.expose(), "user=u&pass=p");
        assert!(super::told("call=record_done&app=a&name=b").is_none());
    }

    #[test]
    fn a_publisher_cannot_speak_for_the_server() {
        for forged in [
            "call=done",
            "name=else",
            "app=other",
            "addr=127.0.0.1",
            "n%61me=else",
        ] {
            assert!(told(&format!("{SENT}&{forged}")).is_none(), "{forged}");
            assert!(told(&format!("{forged}&{SENT}")).is_none(), "{forged}");
        }
        // Nor behind its application, which is never taken for more than what it shows.
        let body = SENT.replace("%2Flive&", "%2Flive%3Fcall=done%26name=else%26word=w&");
        let told = told(&body).unwrap();
        assert_eq!(
            (told.stream.as_str(), told.wish),
            ("live/news", Wish::Publish)
        );
        assert_eq!(told.query.expose(), "call=done&name=else&word=w");
    }

    #[test]
    fn without_anything_of_its_own_there_is_no_query() {
        assert_eq!(told(SENT).unwrap().query.expose(), "");
    }
}
