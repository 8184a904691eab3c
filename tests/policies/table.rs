//! Every kind of credential × every request × every policy, at one running server: what each meets stands
//! in two tables, and what they have no row or column for does not pass.
//!
//! Must not know: how a scheme verifies, or how a policy decides.

mod cast;

use std::collections::HashMap;

use cast::{Cast, Shown};

use crate::harness::actor::{Actor, Answer};
use crate::revocation::at;
use crate::viewers::operator;

const SHUT: [&str; 4] = ["403 forbidden", "403", "403 forbidden", "403 forbidden"];
const NOBODY: [&str; 4] = [
    "401 unauthorized",
    "401",
    "401 unauthorized",
    "401 unauthorized",
];
const OTHER: [&str; 4] = ["404 not_found", "404", "403 forbidden", "403 forbidden"];

/// What one credential meets on one stream, request by request: the stream's key by `GET` and by `HEAD`, its
/// playlist, and a session for it. A status, and the problem's code where there is one; and why, as the trail
/// has it: for all that is refused, or one for each request.
const WORDS: [(&str, [&str; 4], &str); 20] = [
    ("open", ["200", "200", "200", "200"], ""),
    // By the policy, by the page that asks, by the address.
    ("shut", SHUT, "policy"),
    ("page", SHUT, "page"),
    // A grant is for one key, and sessions are not exchanged for sessions: that is so wherever they are.
    ("page-key", SHUT, "page,page,action,action"),
    ("page-watch", SHUT, "page,page,page,policy"),
    ("ip-key", SHUT, "ip,ip,action,action"),
    ("ip-watch", SHUT, "ip,ip,ip,policy"),
    ("unpaid", SHUT, "not_entitled"),
    (
        "unpaid-watch",
        SHUT,
        "not_entitled,not_entitled,not_entitled,policy",
    ),
    ("watch", ["200", "200", "200", "403 forbidden"], "policy"),
    (
        "key",
        ["200", "200", "403 forbidden", "403 forbidden"],
        "action",
    ),
    // Nobody is known: nothing is shown, or nothing that is good.
    ("nobody", NOBODY, "no_token"),
    ("late", NOBODY, "expired"),
    ("hash", NOBODY, "hash_mismatch"),
    ("path", NOBODY, "path"),
    ("catu", NOBODY, "catu"),
    // So much of the page's path as the token names is a folder, where a playlist is asked for.
    ("path-hash", NOBODY, "path,path,hash_mismatch,path"),
    // Good, and for something else: of a key that is not its own nobody learns whether it is there.
    ("other", OTHER, "unknown_key,unknown_key,stream,stream"),
    ("other-key", OTHER, "unknown_key,unknown_key,action,action"),
    // At another address it is no longer good, but who holds it begins a session there, bound to that.
    (
        "anew",
        ["403 forbidden", "403", "403 forbidden", "200"],
        "ip",
    ),
];

/// The policies: one `accepts` the scheme alone, one `refuses` it for another; one `requires` it with another,
/// which is shown in `both` and not before; a page is named by nobody (`pageless`), is `listed` or `foreign`;
/// where a token may live for ten minutes it is for an hour (`long`) or five minutes (`short`); where
/// addresses are bound the viewer is `home` and then `moved`, where networks are, `near` and then `away`; a page is
/// `linked`, or the link was `copied`; on one stream all are `unpaid`, and on one nobody is asked who has paid
/// (`free`). `-` is what nobody can have; behind a colon stands
/// another reason than the word's.
const POLICIES: &str = "
                    accepts   refuses   requires  both       pageless   listed    foreign    long      short     home      moved     near      away      linked    copied     unpaid       free
jwt                 open      shut      shut      open       page       open      page       shut      open      open      anew      open      anew      open      page       unpaid       open
securetoken         open      shut      shut      open       page       open      page       shut      open      open      anew      open      anew      open      page       unpaid       open
wmsauth             open      shut      shut      open       page       open      page       shut      open      open      anew      open      anew      open      page       unpaid       open
hdnts               open      shut      shut      open       page       open      page       shut      open      open      anew      open      anew      open      page       unpaid       open
edgeauth            open      shut      shut      open       page       open      page       shut      open      open      anew      open      anew      open      page       unpaid       open
cat                 open      shut      shut      open       page       open      page       shut      open      open      anew      open      anew      open      page       unpaid       open
urlparams           open      shut      shut      open       page       open      page       shut      shut      open      anew      open      anew      open      page       unpaid       open
grant               key       -         key       key:policy page-key   key       page-key   -         key       key       ip-key    key       ip-key    key       page-key   -            key
cookie              watch     shut      watch     watch      page-watch watch     page-watch -         watch     watch     ip-watch  watch     ip-watch  watch     page-watch unpaid-watch watch
bearer              watch     shut      watch     watch      page-watch watch     page-watch -         watch     watch     ip-watch  watch     ip-watch  watch     page-watch unpaid-watch watch
hdntl               open      -         shut      open       page       open      page       -         open      open      anew      open      anew      open      page       -            open
none                nobody    nobody    nobody    shut       nobody     nobody    nobody     nobody    nobody    nobody    nobody    nobody    nobody    nobody    nobody     nobody       nobody
expired-jwt         late      late      late      shut       late       late      late       late      late      late      late      late      late      late      late       late         late
expired-securetoken late      late      late      shut       late       late      late       late      late      late      late      late      late      late      late       late         late
expired-wmsauth     late      late      late      shut       late       late      late       late      late      late      late      late      late      late      late       late         late
expired-hdnts       late      late      late      shut       late       late      late       late      late      late      late      late      late      late      late       late         late
expired-edgeauth    late      late      late      shut       late       late      late       late      late      late      late      late      late      late      late       late         late
expired-cat         late      late      late      shut       late       late      late       late      late      late      late      late      late      late      late       late         late
aside-jwt           other     other     other     shut       other      other     other      other     other     other     other     other     other     other     other      other        other
aside-securetoken   hash      hash      hash      shut       hash       hash      hash       hash      hash      hash      hash      hash      hash      hash      hash       hash         hash
aside-wmsauth       path      path      path      shut       path-hash  path-hash path-hash  hash      hash      hash      hash      path-hash path-hash path      path       path         path-hash
aside-hdnts         hash      hash      hash      shut       hash       hash      hash       hash      hash      hash      hash      hash      hash      hash      hash       hash         hash
aside-edgeauth      path      path      path      shut       path       path      path       path      path      path      path      path      path      path      path       path         path
aside-cat           catu      catu      catu      shut       catu       catu      catu       catu      catu      catu      catu      catu      catu      catu      catu       catu         catu
aside-urlparams     other     other     other     shut       other      other     other      other     other     other     other     other     other     other     other      other        other
aside-grant         other-key other-key other-key shut       other-key  other-key other-key  other-key other-key other-key other-key other-key other-key other-key other-key  other-key    other-key
aside-cookie        other     other     other     shut       other      other     other      other     other     other     other     other     other     other     other      other        other
aside-bearer        other     other     other     shut       other      other     other      other     other     other     other     other     other     other     other      other        other
";

/// What is good for its own stream, asked for the key of another and for one that is not there: the status, and
/// why.
const KEYS: &str = "
             another            unknown
jwt          404:unknown_key    404:unknown_key
securetoken  401:hash_mismatch  401:hash_mismatch
wmsauth      401:path           401:path
hdnts        401:hash_mismatch  401:hash_mismatch
edgeauth     401:path           401:path
cat          401:catu           401:catu
urlparams    404:unknown_key    404:unknown_key
grant        404:unknown_key    404:unknown_key
cookie       404:unknown_key    404:unknown_key
bearer       404:unknown_key    404:unknown_key
hdntl        401:path           401:path
none         401:no_token       401:no_token
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

/// What a cell says of each request, as [`Met::told`] has it.
fn meant(cell: &str) -> [String; 4] {
    let (word, own) = cell.split_once(':').unwrap_or((cell, ""));
    let found = WORDS.iter().find(|(known, ..)| *known == word);
    let (_, answers, usual) = found.unwrap_or_else(|| panic!("what is {word}?"));
    let reasons = if own.is_empty() { usual } else { own };
    let all: Vec<_> = reasons.split(',').collect();
    std::array::from_fn(|at| {
        let reason = all.get(at).unwrap_or(&all[0]);
        let refused = !answers[at].starts_with('2');
        let why = if refused { *reason } else { "" };
        format!("{} {why}", answers[at]).trim_end().to_owned()
    })
}

/// One answer: its status and code, and by which id the trail tells why.
struct Met {
    written: String,
    id: String,
}

impl Met {
    /// 200 of a key is 16 bytes, of a `HEAD` none.
    fn of(answer: &Answer, method: &str, is_key: bool) -> Self {
        let length = if method == "HEAD" { 0 } else { 16 };
        assert!(answer.status != 200 || !is_key || answer.body.len() == length);
        let code = answer.code();
        assert!(answer.status < 400 || method == "HEAD" || !code.is_empty());
        Self {
            written: format!("{} {code}", answer.status).trim_end().to_owned(),
            id: answer.header("x-request-id").to_owned(),
        }
    }

    /// As the tables have it.
    fn told(&self, reasons: &HashMap<String, String>) -> String {
        let why = reasons.get(&self.id).map_or("", String::as_str);
        format!("{} {why}", self.written).trim_end().to_owned()
    }
}

/// One after another, as one viewer asks.
async fn met(nobody: &Actor, shown: &Shown, stream: &str, key: &str) -> [Met; 4] {
    let body = format!("{{\"stream\":\"{stream}\"}}");
    let play = format!("/v1/play/{stream}/index.m3u8");
    let begin = "/v1/sessions";
    [
        Met::of(&shown.ask(nobody, "GET", key, None).await, "GET", true),
        Met::of(&shown.ask(nobody, "HEAD", key, None).await, "HEAD", true),
        Met::of(&shown.ask(nobody, "GET", &play, None).await, "GET", false),
        Met::of(
            &shown.ask(nobody, "POST", begin, Some(&body)).await,
            "POST",
            false,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_credential_meets_under_every_policy_what_the_table_says() {
    let cast = Cast::gather().await;
    let nobody = cast.serve.stranger();
    let mut all = Vec::new();
    for (who, cells) in rows(POLICIES) {
        for (policy, cell) in cells.into_iter().filter(|(_, cell)| *cell != "-") {
            let (stream, shown) = cast.scene(who, policy).await;
            let found = met(&nobody, &shown, &stream, cast.key(&stream)).await;
            all.push((who, policy, cell, found));
        }
    }
    let every = all.iter().flat_map(|(.., found)| found);
    let refused = every.filter(|met| !met.written.starts_with('2'));
    let refused: Vec<_> = refused.map(|met| met.id.as_str()).collect();
    let reasons = cast.reasons(&refused).await;
    let mut wrong = Vec::new();
    for (who, policy, cell, found) in all {
        let (meant, found) = (meant(cell), found.map(|met| met.told(&reasons)));
        if found != meant {
            wrong.push(format!("{who} × {policy}: {meant:?}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_opens_another_streams_key_or_tells_whether_there_is_one() {
    let cast = Cast::gather().await;
    let nobody = cast.serve.stranger();
    let mut all = Vec::new();
    for (who, cells) in rows(KEYS) {
        let (stream, shown) = cast.scene(who, "accepts").await;
        let own = shown.ask(&nobody, "GET", cast.key(&stream), None).await;
        assert_eq!(own.status == 200, who != "none", "{who}");
        let unknown = "/v1/keys/00000000-0000-4000-8000-000000000000";
        for (key, (column, cell)) in [cast.key(cast::FAR), unknown].into_iter().zip(cells) {
            for method in ["GET", "HEAD"] {
                let answer = shown.ask(&nobody, method, key, None).await;
                let id = answer.header("x-request-id").to_owned();
                all.push((who, column, cell, (answer.status, id)));
            }
        }
    }
    let refused: Vec<_> = all.iter().map(|(.., (_, id))| id.as_str()).collect();
    let reasons = cast.reasons(&refused).await;
    for (who, column, cell, (status, id)) in all {
        let found = format!("{status}:{}", reasons[&id]);
        assert_eq!(found, cell, "{who} × {column}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_issued_before_the_moment_of_a_revocation_opens_nothing_whatever_it_is() {
    let cast = Cast::gather().await;
    let (nobody, mut all) = (cast.serve.stranger(), Vec::new());
    for (who, _) in rows(KEYS).into_iter().filter(|(who, _)| *who != "none") {
        let (stream, shown) = cast.scene(who, "accepts").await;
        let key = cast.key(&stream);
        shown.ask(&nobody, "GET", key, None).await.expect(200);
        all.push((who, shown, key));
    }
    let terms = serde_json::json!({ "before": at(60) }).to_string();
    let operator = operator(&cast.serve, "**");
    operator
        .ask("POST", "/v1/revocations", Some(&terms))
        .await
        .expect(200);
    let mut refused = Vec::new();
    for (who, shown, key) in &all {
        let answer = shown.ask(&nobody, "GET", key, None).await;
        assert_eq!(answer.status, 403, "{who}");
        refused.push(answer.header("x-request-id").to_owned());
    }
    let ids: Vec<_> = refused.iter().map(String::as_str).collect();
    for (id, why) in cast.reasons(&ids).await {
        assert!(!ids.contains(&id.as_str()) || why == "revoked", "{why}");
    }
}
