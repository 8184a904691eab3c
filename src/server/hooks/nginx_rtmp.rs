//! nginx-rtmp's callbacks: a form with `call`, `app`, `name`, `addr`, and behind them whatever stood in the
//! publisher's own URL; what stood behind its application is in `tcurl` alone. 2xx allows, anything else
//! refuses (nginx-rtmp-module wiki, Directives, "Notify").
//!
//! Must not know: who may do what.

use super::told::{Said, Told, Wish, behind};
use crate::crypto::SecretText;
use crate::server::query::Parameters;

/// `None` for what is no question that is answered. The publisher's own pairs are not escaped, and stand
/// before or behind the server's as the version has it: whichever of two of a name is the server's cannot
/// be known, so there must be one. What is over is over whatever else is said.
pub(super) fn said(body: &str) -> Option<Said> {
    let pairs = Parameters::of(body);
    let value = |name| pairs.value::<String>(name).ok().flatten();
    let call = value("call").filter(|_| pairs.count("call") == 1)?;
    if NEWS.contains(&call.as_str()) {
        return Some(Said::News);
    }
    if SAID.iter().any(|name| pairs.count(name) > 1) {
        return None;
    }
    let (wish, its) = meaning(&call)?;
    let name = wish.map_or(Some(String::new()), |_| value("name"));
    let tcurl = value("tcurl").unwrap_or_default();
    let told = Told {
        stream: format!("{}/{}", value("app")?, name?),
        host: None,
        ip: value("addr").and_then(|text| text.parse().ok()),
        query: SecretText::new(shown(own(body, its), behind(&tcurl))),
        headers: Vec::new(),
        basic: Vec::new(),
    };
    Some(match wish {
        Some(wish) => Said::Asks(wish, told),
        None => Said::Connects(told),
    })
}

/// What is said when something is over, or was written.
const NEWS: [&str; 6] = [
    "done",
    "publish_done",
    "play_done",
    "disconnect",
    "record_started",
    "record_done",
];

/// What it says that is decided by.
const SAID: [&str; 3] = ["app", "name", "addr"];

/// What somebody wants, if it is said yet, and what nginx-rtmp writes itself of such a call.
fn meaning(call: &str) -> Option<(Option<Wish>, &'static [&'static str])> {
    Some(match call {
        "publish" => (Some(Wish::Publish), &["name", "type"]),
        "update_publish" => (Some(Wish::PublishOn), &["name", "time", "timestamp"]),
        "play" => (Some(Wish::Play), &["name", "start", "duration", "reset"]),
        "update_play" => (Some(Wish::PlayOn), &["name", "time", "timestamp"]),
        "connect" => (None, &["epoch"]),
        _ => return None,
    })
}

/// What stood behind the stream's name, and behind the application's: `rtmp://host/app?word=…/name`.
fn shown(stream: &str, app: &str) -> String {
    let separator = match (stream, app) {
        ("", _) | (_, "") => "",
        _ => "&",
    };
    format!("{stream}{separator}{app}")
}

/// What nginx-rtmp writes itself of every call.
const ITS: [&str; 8] = [
    "app", "flashver", "swfurl", "tcurl", "pageurl", "addr", "clientid", "call",
];

/// The pairs of the publisher's own URL: what stands behind the last of nginx-rtmp's, which stand first, each
/// once.
fn own<'b>(body: &'b str, its: &[&str]) -> &'b str {
    let mut seen: Vec<&str> = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let (pair, behind) = rest.split_once('&').unwrap_or((rest, ""));
        let name = pair.split('=').next().unwrap_or_default();
        let is_its = ITS.contains(&name) || its.contains(&name);
        if !is_its || seen.contains(&name) {
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

    fn asks(body: &str) -> (Wish, Told) {
        match said(body) {
            Some(Said::Asks(wish, told)) => (wish, told),
            _ => panic!("no question: {body}"),
        }
    }

    #[test]
    fn its_question_is_understood() {
        let (wish, told) = asks(&format!("{SENT}&user=u&pass=p"));
        assert_eq!((told.stream.as_str(), wish), ("live/news", Wish::Publish));
        assert_eq!(told.ip, "192.0.2.7".parse().ok());
        assert_eq!(told.query.expose(), "user=u&pass=p");
        assert!(said("call=else&app=a&name=b").is_none());
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
            assert!(said(&format!("{SENT}&{forged}")).is_none(), "{forged}");
            assert!(said(&format!("{forged}&{SENT}")).is_none(), "{forged}");
        }
        // Nor behind its application, which is never taken for more than what it shows.
        let body = SENT.replace("%2Flive&", "%2Flive%3Fcall=done%26name=else%26word=w&");
        let (wish, told) = asks(&body);
        assert_eq!((told.stream.as_str(), wish), ("live/news", Wish::Publish));
        assert_eq!(told.query.expose(), "call=done&name=else&word=w");
    }

    #[test]
    fn a_publishers_pairs_are_its_own_whatever_their_names() {
        assert_eq!(asks(SENT).1.query.expose(), "");
        for own in [
            "start=1&a=b",
            "path=p",
            "type=a",
            "recorder=r",
            "time=t",
            "epoch=e",
        ] {
            let (_, told) = asks(&format!("{SENT}&{own}"));
            assert_eq!(told.query.expose(), own);
        }
        let play = SENT.replace(
            "publish&name=news&type=live",
            "play&name=news&start=0&duration=0&reset=0",
        );
        let (wish, told) = asks(&format!("{play}&type=a&start=1"));
        assert_eq!((wish, told.query.expose()), (Wish::Play, "type=a&start=1"));
    }

    #[test]
    fn who_goes_on_is_asked_about_again_and_who_connects_names_no_stream() {
        let update = SENT.replace("publish&", "update_publish&time=10&timestamp=900&");
        let update = update.replace("&type=live", "");
        let (wish, told) = asks(&format!("{update}&user=u"));
        assert_eq!((wish, told.query.expose()), (Wish::PublishOn, "user=u"));
        let connect = "call=connect&app=live&flashver=&swfurl=&tcurl=rtmp://h/live%3Fuser=u&pageurl=&\
                       addr=192.0.2.7&epoch=1";
        let Some(Said::Connects(told)) = said(connect) else {
            panic!("nobody connects");
        };
        assert_eq!(told.query.expose(), "user=u");
    }

    #[test]
    fn what_is_over_is_over_whatever_else_is_said() {
        for call in NEWS {
            for odd in ["", "&name=../x", "&name=a&name=b&addr=1&app=%ff"] {
                let body = format!("app=live&call={call}{odd}");
                assert!(matches!(said(&body), Some(Said::News)), "{body}");
            }
        }
    }
}
