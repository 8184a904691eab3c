//! Every kind of credential × every request × every policy, at one running server: what each meets stands
//! in two tables, and what they have no row or column for does not pass.
//!
//! Must not know: how a scheme verifies, or how a policy decides.

mod cast;

use cast::{Cast, Shown};

use crate::harness::actor::{Actor, Answer};

/// What one credential meets on one stream, request by request: the stream's key by `GET` and by `HEAD`, its
/// playlist, and a session for it. A status, and the problem's code where there is one.
const WORDS: [(&str, [&str; 4]); 7] = [
    ("open", ["200", "200", "200", "200"]),
    (
        "shut",
        ["403 forbidden", "403", "403 forbidden", "403 forbidden"],
    ),
    (
        "nobody",
        [
            "401 unauthorized",
            "401",
            "401 unauthorized",
            "401 unauthorized",
        ],
    ),
    // Good, and for something else: of a key that is not its own nobody learns whether it is there.
    (
        "other",
        ["404 not_found", "404", "403 forbidden", "403 forbidden"],
    ),
    // Sessions are not exchanged for sessions, and a grant is for one key.
    ("watch", ["200", "200", "200", "403 forbidden"]),
    ("key", ["200", "200", "403 forbidden", "403 forbidden"]),
    // At another address it is no longer good, but who holds it begins a session there, bound to that.
    ("anew", ["403 forbidden", "403", "403 forbidden", "200"]),
];

/// The policies: one `accepts` the scheme alone, one `refuses` it for another; one `requires` it with another,
/// which is shown in `both` and not before; a page is named by nobody (`pageless`), is `listed` or `foreign`;
/// where a token may live for ten minutes it is for an hour (`long`) or five minutes (`short`); where
/// addresses are bound the viewer is `home` and then `moved`. `-` is what nobody can have.
const POLICIES: &str = "
                     accepts refuses requires both   pageless listed foreign long   short  home   moved
jwt                  open    shut    shut     open   shut     open   shut    shut   open   open   anew
securetoken          open    shut    shut     open   shut     open   shut    shut   open   open   anew
wmsauth              open    shut    shut     open   shut     open   shut    shut   open   open   anew
hdnts                open    shut    shut     open   shut     open   shut    shut   open   open   anew
edgeauth             open    shut    shut     open   shut     open   shut    shut   open   open   anew
cat                  open    shut    shut     open   shut     open   shut    shut   open   open   anew
urlparams            open    shut    shut     open   shut     open   shut    shut   shut   open   anew
grant                key     -       key      key    shut     key    shut    -      key    key    shut
cookie               watch   shut    watch    watch  shut     watch  shut    -      watch  watch  shut
bearer               watch   shut    watch    watch  shut     watch  shut    -      watch  watch  shut
none                 nobody  nobody  nobody   shut   nobody   nobody nobody  nobody nobody nobody nobody
expired-jwt          nobody  nobody  nobody   shut   nobody   nobody nobody  nobody nobody nobody nobody
expired-securetoken  nobody  nobody  nobody   shut   nobody   nobody nobody  nobody nobody nobody nobody
expired-wmsauth      nobody  nobody  nobody   shut   nobody   nobody nobody  nobody nobody nobody nobody
expired-hdnts        nobody  nobody  nobody   shut   nobody   nobody nobody  nobody nobody nobody nobody
expired-edgeauth     nobody  nobody  nobody   shut   nobody   nobody nobody  nobody nobody nobody nobody
expired-cat          nobody  nobody  nobody   shut   nobody   nobody nobody  nobody nobody nobody nobody
aside-jwt            other   other   other    shut   other    other  other   other  other  other  other
aside-securetoken    nobody  nobody  nobody   shut   nobody   nobody nobody  nobody nobody nobody nobody
aside-wmsauth        nobody  nobody  nobody   shut   nobody   nobody nobody  nobody nobody nobody nobody
aside-hdnts          nobody  nobody  nobody   shut   nobody   nobody nobody  nobody nobody nobody nobody
aside-edgeauth       nobody  nobody  nobody   shut   nobody   nobody nobody  nobody nobody nobody nobody
aside-cat            nobody  nobody  nobody   shut   nobody   nobody nobody  nobody nobody nobody nobody
aside-urlparams      other   other   other    shut   other    other  other   other  other  other  other
aside-grant          other   other   other    shut   other    other  other   other  other  other  other
aside-cookie         other   other   other    shut   other    other  other   other  other  other  other
aside-bearer         other   other   other    shut   other    other  other   other  other  other  other
";

/// What is good for its own stream, asked for the key of another and for one that is not there.
const KEYS: &str = "
             another unknown
jwt          404     404
securetoken  401     401
wmsauth      401     401
hdnts        401     401
edgeauth     401     401
cat          401     401
urlparams    404     404
grant        404     404
cookie       404     404
bearer       404     404
none         401     401
";

/// A table's rows, each a name and its cells under their columns.
fn rows(table: &'static str) -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
    let mut lines = table.trim_start_matches('\n').lines();
    let columns: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    let row = |line: &'static str| {
        let mut cells = line.split_whitespace();
        let name = cells.next().unwrap();
        let cells: Vec<_> = cells.collect();
        assert_eq!(cells.len(), columns.len(), "{line}");
        (name, columns.iter().copied().zip(cells).collect())
    };
    lines.map(row).collect()
}

fn meant(word: &str) -> [&'static str; 4] {
    let found = WORDS.iter().find(|(known, _)| *known == word);
    found.unwrap_or_else(|| panic!("what is {word}?")).1
}

/// As the tables have it; 200 of a key is 16 bytes, of a `HEAD` none.
fn written(answer: &Answer, method: &str, is_key: bool) -> String {
    let length = if method == "HEAD" { 0 } else { 16 };
    assert!(answer.status != 200 || !is_key || answer.body.len() == length);
    let code = answer.code();
    assert!(answer.status < 400 || method == "HEAD" || !code.is_empty());
    format!("{} {code}", answer.status).trim_end().to_owned()
}

/// One after another, as one viewer asks.
async fn met(nobody: &Actor, shown: &Shown, stream: &str, key: &str) -> [String; 4] {
    let body = format!("{{\"stream\":\"{stream}\"}}");
    let play = format!("/v1/play/{stream}/index.m3u8");
    [
        written(&shown.ask(nobody, "GET", key, None).await, "GET", true),
        written(&shown.ask(nobody, "HEAD", key, None).await, "HEAD", true),
        written(&shown.ask(nobody, "GET", &play, None).await, "GET", false),
        written(
            &shown.ask(nobody, "POST", "/v1/sessions", Some(&body)).await,
            "POST",
            false,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_credential_meets_under_every_policy_what_the_table_says() {
    let cast = Cast::gather().await;
    let nobody = cast.serve.stranger();
    let mut wrong = Vec::new();
    for (who, cells) in rows(POLICIES) {
        for (policy, word) in cells.into_iter().filter(|(_, word)| *word != "-") {
            let (stream, shown) = cast.scene(who, policy).await;
            let found = met(&nobody, &shown, &stream, cast.key(&stream)).await;
            if found != meant(word) {
                wrong.push(format!(
                    "{who} × {policy}: {word} {:?}, found {found:?}",
                    meant(word)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_opens_another_streams_key_or_tells_whether_there_is_one() {
    let cast = Cast::gather().await;
    let nobody = cast.serve.stranger();
    for (who, cells) in rows(KEYS) {
        let (stream, shown) = cast.scene(who, "accepts").await;
        let own = shown.ask(&nobody, "GET", cast.key(&stream), None).await;
        assert_eq!(own.status == 200, who != "none", "{who}");
        let unknown = "/v1/keys/00000000-0000-4000-8000-000000000000";
        for (key, (column, status)) in [cast.key(cast::FAR), unknown].into_iter().zip(cells) {
            for method in ["GET", "HEAD"] {
                let answer = shown.ask(&nobody, method, key, None).await;
                assert_eq!(
                    answer.status.to_string(),
                    status,
                    "{who} × {column} {method}"
                );
            }
        }
    }
}
