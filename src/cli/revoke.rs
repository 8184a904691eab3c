//! `hlskey revoke`: a viewer, a session, a token, a key, or everything issued before a moment, in the
//! store itself. Servers hear of it.
//!
//! Must not know: how a credential is matched, or how the worst case is reckoned.

use clap::Args;

use super::ConfigArg;
use super::recorded::{MAKER, Recorded};
use crate::access::audit::Affected;
use crate::access::{Maker, Revocation, write_revocation};
use crate::api::{RevocationReply, RevocationRequest, Text, Withdrawn};
use crate::config::Config;
use crate::domain::{Clock as _, Kid, SystemClock, SystemEntropy, Timestamp};
use crate::keys::{worst_case, worst_case_of_key};

/// `hlskey revoke`.
#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Every credential of this viewer.
    #[arg(long, value_name = "NAME")]
    viewer: Option<String>,
    /// Every credential of this session.
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
    /// One credential, by its own name (`jti`).
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// One key, for good.
    #[arg(long, value_name = "KID")]
    key: Option<Kid>,
    /// Every credential that was issued before, or does not say when: an RFC 3339 time.
    #[arg(long, value_name = "TIME")]
    before: Option<Timestamp>,
}

/// On which terms, and how it is told.
#[derive(Debug, Args)]
pub(super) struct Terms {
    /// Only credentials of the scheme `[schemes.NAME]`.
    #[arg(long, value_name = "NAME")]
    scheme: Option<String>,
    /// When it ends, an RFC 3339 time. Without, when it is lifted.
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Why, for people.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: RevokeArgs) -> anyhow::Result<()> {
    let request = RevocationRequest {
        viewer: args.what.viewer,
        session: args.what.session,
        token: args.what.token,
        key: args.what.key.map(Text),
        before: args.what.before.map(Text),
        ..RevocationRequest::default()
    };
    revoke(&args.config, request, args.terms).await
}

/// Revokes what is asked for, on these terms, and says until when pictures may go on.
pub(super) async fn revoke(
    config: &ConfigArg,
    request: RevocationRequest,
    terms: Terms,
) -> anyhow::Result<()> {
    let request = RevocationRequest {
        scheme: terms.scheme,
        until: terms.until.map(Text),
        note: terms.note,
        ..request
    };
    let withdrawn = request.withdrawn(SystemClock.now())?;
    let recorded = Recorded::open(&Config::load(&config.config)?).await?;
    let reply = carry_out(&recorded, withdrawn, request).await?;
    match terms.json {
        true => println!("{}", serde_json::to_string_pretty(&reply)?),
        false => println!("{}", told(&reply)),
    }
    Ok(())
}

async fn carry_out(
    recorded: &Recorded,
    withdrawn: Withdrawn,
    request: RevocationRequest,
) -> anyhow::Result<RevocationReply> {
    let store = &recorded.store;
    let revoked = match withdrawn {
        Withdrawn::Credentials(revoked) => revoked,
        Withdrawn::Key(kid) => return revoke_key(recorded, kid).await,
    };
    let until = request.until.map(|until| until.0);
    let affected = Affected::revoked(&revoked, request.scheme.as_deref(), until);
    let revocation = Revocation {
        revoked: revoked.clone(),
        scheme: request.scheme,
        until,
        note: request.note.unwrap_or_default(),
    };
    let maker = Maker::Operator(MAKER.to_owned());
    let written = write_revocation(store, revocation, maker, &SystemClock, &SystemEntropy);
    let id = written.await?;
    recorded
        .tell("revoke", &affected.with("revocation", &id))
        .await?;
    let case = worst_case(store, &revoked, SystemClock.now()).await?;
    Ok(case.reply(Some(id)))
}

async fn revoke_key(recorded: &Recorded, kid: Kid) -> anyhow::Result<RevocationReply> {
    let store = &recorded.store;
    // Looked up before: nothing may fail between the change and its row.
    let stream = store.key(kid).await?.map(|row| row.facts.stream);
    anyhow::ensure!(store.revoke(kid).await?, "there is no key {kid}");
    let affected = Affected::key(kid, stream);
    recorded.tell("revoke", &affected).await?;
    let case = worst_case_of_key(store, kid, SystemClock.now()).await?;
    case.map(|case| case.reply(None))
        .ok_or_else(|| anyhow::anyhow!("there is no key {kid}"))
}

/// For a person.
fn told(reply: &RevocationReply) -> String {
    let because = &reply.because;
    let id = match &reply.id {
        Some(id) => format!("revoked, {id}"),
        None => "revoked for good".to_owned(),
    };
    let (Some(worst), Some(key)) = (reply.worst_case_seconds, because.key_seconds) else {
        let advice = because.advice.as_deref().unwrap_or_default();
        return format!("{id}\nthe picture may go on without end: {advice}");
    };
    let stream = because.stream.as_ref().map(|stream| stream.0.as_str());
    let assumed = match because.assumed {
        true => " (no encryptor reports it: its playlists are assumed)",
        false => "",
    };
    format!(
        "{id}\nthe last picture ends within {worst} s: {} s until every server has heard, \
         {key} s until what was given out opens no new segment, {} s until that is played; {}{assumed}",
        because.news_seconds,
        because.playlist_seconds,
        stream.map_or("no stream has keys".to_owned(), |stream| format!(
            "{stream} takes longest"
        )),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Because;

    #[test]
    fn a_person_is_told_how_long_and_why() {
        let because = Because {
            news_seconds: 30,
            key_seconds: Some(15),
            playlist_seconds: 7,
            stream: Some(Text("live/a".parse().unwrap())),
            assumed: false,
            advice: None,
        };
        let reply = RevocationReply {
            id: Some("1-2".to_owned()),
            worst_case_seconds: Some(52),
            because,
        };
        assert_eq!(
            told(&reply),
            "revoked, 1-2\nthe last picture ends within 52 s: 30 s until every server has heard, \
             15 s until what was given out opens no new segment, 7 s until that is played; \
             live/a takes longest"
        );
        let endless = RevocationReply {
            id: None,
            worst_case_seconds: None,
            because: Because {
                key_seconds: None,
                advice: Some("cut it".to_owned()),
                ..reply.because
            },
        };
        assert_eq!(
            told(&endless),
            "revoked for good\nthe picture may go on without end: cut it"
        );
    }
}
