//! `hlskey token verify`: judges one URL by one scheme, for whoever cannot reproduce a hash.
//!
//! Must not know: token formats; `access` judges.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::asked::AskedArgs;
use crate::access::check::Verdict;
use crate::telemetry::{LogConfig, init_logging};

/// `hlskey token verify`.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    asked: AskedArgs,
}

/// What is printed with `--json`.
#[derive(Serialize)]
pub(super) struct View {
    verdict: &'static str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
    subject: Option<String>,
    streams: Vec<String>,
    expires: Option<String>,
}

pub(super) async fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    show_warnings()?;
    let asked = &args.asked;
    let (_, instance) = asked.load()?;
    let (headers, at) = (asked.headers(), asked.at());
    instance.fetch_keys(at).await;
    let verdict = instance.verify(asked.asked(&headers), at);
    let code = exit_code(&verdict);
    print(&view(verdict), asked.json)?;
    Ok(code)
}

/// Says to programs too that there is nothing to judge by; why, the fault itself says.
pub(super) fn print_fault() -> anyhow::Result<()> {
    let detail = "the configuration cannot be used";
    print(&view(Verdict::Deny("config", detail)), true)
}

/// Says why an issuer's keys cannot be had.
pub(super) fn show_warnings() -> anyhow::Result<()> {
    init_logging(&LogConfig {
        filter: "warn".to_owned(),
        ..LogConfig::default()
    })?;
    Ok(())
}

/// 0 if the URL would be let through.
pub(super) fn exit_code(verdict: &Verdict) -> ExitCode {
    match verdict {
        Verdict::Allow { .. } => ExitCode::SUCCESS,
        Verdict::Deny(..) => ExitCode::FAILURE,
    }
}

pub(super) fn view(verdict: Verdict) -> View {
    match verdict {
        Verdict::Allow {
            subject,
            streams,
            expires,
        } => View {
            verdict: "allow",
            reason: "ok",
            detail: None,
            subject: Some(subject),
            streams: streams.iter().map(ToString::to_string).collect(),
            expires: expires.map(|at| at.to_string()),
        },
        Verdict::Deny(reason, detail) => View {
            verdict: "deny",
            reason,
            detail: Some(detail),
            subject: None,
            streams: Vec::new(),
            expires: None,
        },
    }
}

pub(super) fn print(view: &View, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string(view)?);
        return Ok(());
    }
    match view.detail {
        Some(detail) => println!("deny: {detail} ({})", view.reason),
        None => {
            let subject = view.subject.as_deref().unwrap_or_default();
            let until = view.expires.as_deref().unwrap_or("for ever");
            println!(
                "allow: {subject}, {}, until {until}",
                view.streams.join(" ")
            );
        }
    }
    Ok(())
}
