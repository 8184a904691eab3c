//! `hlskey doctor URL`: walks a stream as four kinds of players do, and says what to change.
//!
//! Must not know: how this server is built; it judges any HLS stream by what it answers.

mod ask;
mod certificate;
mod check;
mod client;
mod code;
mod define;
mod fault;
mod jar;
mod look;
mod media;
mod outcome;
mod probe;
mod report;
mod shown;
mod tls;
mod walk;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use reqwest::Url;

use super::encrypt::read_credential;
use crate::crypto::SecretText;
use crate::domain::Network;
use client::Client;

/// `hlskey doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The stream's multivariant playlist, or a media playlist, with what a viewer's URL has.
    #[arg(required_unless_present = "codes")]
    url: Option<Url>,
    /// The page that plays the stream, such as `https://www.example.org`; without it, one beside the
    /// playlist.
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<Url>,
    /// A viewer's token for the URL's query: one line in a file.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The query parameter that carries it.
    #[arg(long, value_name = "NAME", default_value = "token")]
    token_name: String,
    /// A viewer's token for `Authorization: Bearer`, as apps and hls.js send it.
    #[arg(long, value_name = "FILE")]
    bearer_file: Option<PathBuf>,
    /// Cookies that the page has, one a line, as `Set-Cookie` has them; their scope counts.
    #[arg(long, value_name = "FILE")]
    cookie_file: Option<PathBuf>,
    /// Where those cookies were set; without it, by the playlist's host.
    #[arg(long, value_name = "URL")]
    cookie_from: Option<Url>,
    /// The address of this machine that the casting device asks from.
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// Trust this CA besides the public ones (PEM).
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A private network that playlists may lead to; the URL's own host may lie in any.
    #[arg(long, value_name = "NETWORK")]
    allow: Vec<Network>,
    /// Clients that must play; one that does not is a fault then, whatever the reason.
    #[arg(long = "for", value_name = "CLIENT", value_delimiter = ',')]
    required: Vec<Client>,
    /// Look at a live playlist once, instead of twice.
    #[arg(long)]
    once: bool,
    /// How long one answer may take.
    #[arg(long, value_name = "SPAN", default_value = "10s")]
    patience: humantime::Duration,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
    /// List every code with what to change, and look at nothing.
    #[arg(long)]
    codes: bool,
}

/// Nothing could be looked at.
const BLIND: u8 = 2;

/// 0: no fault; 1: faults; 2: nothing could be looked at.
pub(super) async fn run(args: DoctorArgs) -> anyhow::Result<ExitCode> {
    if args.codes {
        report::codes(args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let found = match look::look(&args).await {
        Ok(found) => found,
        Err(error) => {
            eprintln!("hlskey: {}", super::told(&error));
            return Ok(BLIND.into());
        }
    };
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&found)?),
        false => print!("{found}"),
    }
    match found.faults.is_empty() {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(ExitCode::FAILURE),
    }
}

/// A one-line file.
fn secret(path: &Path) -> anyhow::Result<SecretText> {
    read_credential(path).with_context(|| path.display().to_string())
}
