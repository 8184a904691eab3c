//! `hlskey token verify`: judges one URL by one scheme, for whoever cannot reproduce a hash.
//!
//! Must not know: token formats; `access` judges.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::access::check::{Asked, Instance, Purpose, Target, Verdict};
use crate::config;
use crate::domain::{Clock as _, SystemClock, Timestamp};
use crate::telemetry::{LogConfig, init_logging};

/// `hlskey token verify`.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// The instance, `[schemes.NAME]`, or a kind.
    #[arg(long, value_name = "NAME")]
    scheme: String,
    /// The configuration; a file with that section alone is enough.
    #[arg(
        long,
        value_name = "FILE",
        env = "HLSKEY_CONFIG",
        default_value = "hlskey.toml"
    )]
    config: PathBuf,
    /// The playlist's URL, as the viewer has it.
    #[arg(long)]
    url: String,
    /// A header of the request, `Name: value`; may be given several times.
    #[arg(long = "header", value_name = "HEADER", value_parser = header)]
    headers: Vec<(String, String)>,
    /// A cookie of the request, `name=value`; may be given several times.
    #[arg(long = "cookie", value_name = "COOKIE", value_parser = cookie)]
    cookies: Vec<String>,
    /// The client's address.
    #[arg(long)]
    ip: Option<IpAddr>,
    /// When it is asked, in seconds since 1970. Default: now.
    #[arg(long, value_name = "UNIXTIME", allow_hyphen_values = true)]
    at: Option<i64>,
    /// The request's method.
    #[arg(long, default_value = "GET")]
    method: String,
    /// What the TLS handshake agreed on, such as http/1.1.
    #[arg(long, value_name = "PROTOCOL")]
    alpn: Option<String>,
    /// What the request wants.
    #[arg(long, value_enum, default_value_t = Action::Play)]
    action: Action,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Action {
    Play,
    Publish,
}

/// What is printed with `--json`.
#[derive(Serialize)]
struct View {
    verdict: &'static str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
    subject: Option<String>,
    streams: Vec<String>,
    expires: Option<String>,
}

pub(super) async fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    // Why an issuer's keys cannot be had.
    init_logging(&LogConfig {
        filter: "warn".to_owned(),
        ..LogConfig::default()
    })?;
    let sections = config::token_sections(&args.config)?;
    let file = || args.config.display().to_string();
    let instance =
        Instance::load(&sections.schemes, &sections.outbound, &args.scheme).with_context(file)?;
    let (target, query) = parts(&args.url);
    let cookies = args
        .cookies
        .iter()
        .map(|cookie| ("cookie".to_owned(), cookie.clone()));
    let headers: Vec<_> = args.headers.iter().cloned().chain(cookies).collect();
    let asked = Asked {
        target,
        query,
        headers: &headers,
        ip: args.ip,
        alpn: args.alpn.as_deref(),
        method: &args.method,
        purpose: match args.action {
            Action::Play => Purpose::Play,
            Action::Publish => Purpose::Publish,
        },
    };
    let at = args
        .at
        .map(|at| Timestamp::from_millis(at.saturating_mul(1000)));
    let at = at.unwrap_or_else(|| SystemClock.now());
    instance.fetch_keys(at).await;
    let verdict = instance.verify(asked, at);
    let is_allowed = matches!(verdict, Verdict::Allow { .. });
    print(&view(verdict), args.json)?;
    Ok(if is_allowed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn view(verdict: Verdict) -> View {
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

fn print(view: &View, json: bool) -> anyhow::Result<()> {
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

/// The URL's parts and its query; one may come without its host.
fn parts(url: &str) -> (Target<'_>, &str) {
    let url = url.split('#').next().unwrap_or_default();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = match scheme {
        "" => 0,
        _ => rest.find(['/', '?']).unwrap_or(rest.len()),
    };
    let (authority, rest) = rest.split_at(end);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let target = Target {
        scheme,
        authority,
        path,
    };
    (target, query)
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is `Name: value`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn cookie(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((name, _)) if !name.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("a cookie is `name=value`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_path_and_a_query() {
        for (url, expected) in [
            ("https://h:1/a/b?x=1?2#f", ("https", "h:1", "/a/b", "x=1?2")),
            ("/a/b", ("", "", "/a/b", "")),
            ("http://h?x=1", ("http", "h", "", "x=1")),
            ("rtmp://h/live/a?x", ("rtmp", "h", "/live/a", "x")),
        ] {
            let (target, query) = parts(url);
            let found = (target.scheme, target.authority, target.path, query);
            assert_eq!(found, expected);
        }
    }
}
