//! `hlskey stream add|ls|show|rotate|rm`: a packager's work by hand, over the server's own API.
//!
//! Must not know: the store; whatever this can do, a credential allows.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use reqwest::{Certificate, Client, Method, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::encrypt::read_credential;
use crate::api::{
    BoundarySpec, KeyScopeSpec, Problem, RotateReply, RotateRequest, RotationSpec, StreamList,
    StreamRegistration, StreamView, Text,
};
use crate::crypto::SecretText;
use crate::domain::StreamId;

/// `hlskey stream …`.
#[derive(Debug, Subcommand)]
pub(super) enum StreamCommand {
    /// Register a stream, or change how it rotates.
    Add(AddArgs),
    /// List the streams that the credential covers.
    Ls(Remote),
    /// Show one stream.
    Show(OneArgs),
    /// Cut to a new key, once every encryptor that holds a lease has acknowledged it.
    Rotate(RotateArgs),
    /// Unregister a stream: its keys are answered with 410 from now on.
    Rm(OneArgs),
}

/// The server, and who asks.
#[derive(Debug, Args)]
pub(super) struct Remote {
    /// The key server, `https://…`.
    #[arg(long, value_name = "URL", env = "HLSKEY_URL")]
    server: String,
    /// Trust this CA besides the public ones (PEM).
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The credential: one line in a file.
    #[arg(long, value_name = "FILE")]
    credential_file: PathBuf,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// `hlskey stream show|rm`.
#[derive(Debug, Args)]
pub(super) struct OneArgs {
    #[command(flatten)]
    remote: Remote,
    /// The stream.
    stream: StreamId,
}

/// `hlskey stream add`.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    remote: Remote,
    /// The stream.
    stream: StreamId,
    /// A new key each span of programme time, such as `10m`.
    #[arg(long, value_name = "SPAN", conflicts_with = "segments")]
    every: Option<humantime::Duration>,
    /// A new key each N segments.
    #[arg(long, value_name = "N")]
    segments: Option<u64>,
    /// A key for each rendition instead of one for all.
    #[arg(long)]
    key_per_rendition: bool,
}

/// `hlskey stream rotate`.
#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    #[command(flatten)]
    one: OneArgs,
    /// Cut at the next segment, whoever hears of it, and name those who may go on under the old
    /// key.
    #[arg(long)]
    now: bool,
}

pub(super) async fn run(command: StreamCommand) -> anyhow::Result<()> {
    match command {
        StreamCommand::Add(args) => add(args).await,
        StreamCommand::Ls(remote) => list(remote).await,
        StreamCommand::Show(args) => show(args).await,
        StreamCommand::Rotate(args) => rotate(args).await,
        StreamCommand::Rm(args) => remove(args).await,
    }
}

async fn add(args: AddArgs) -> anyhow::Result<()> {
    let key_scope = if args.key_per_rendition {
        KeyScopeSpec::Rendition
    } else {
        KeyScopeSpec::Stream
    };
    let wanted = StreamRegistration {
        every: args.every.map(Text),
        segments: args.segments,
        key_scope,
        ..StreamRegistration::default()
    };
    let api = args.remote.connect()?;
    let put = api.request(Method::PUT, &of(&args.stream)).json(&wanted);
    let stream: StreamView = answer(put).await?;
    args.remote.print(&[stream])
}

async fn list(remote: Remote) -> anyhow::Result<()> {
    let list: StreamList = answer(remote.connect()?.request(Method::GET, "/v1/streams")).await?;
    remote.print(&list.streams)
}

async fn show(args: OneArgs) -> anyhow::Result<()> {
    let api = args.remote.connect()?;
    let stream: StreamView = answer(api.request(Method::GET, &of(&args.stream))).await?;
    args.remote.print(&[stream])
}

async fn rotate(args: RotateArgs) -> anyhow::Result<()> {
    let api = args.one.remote.connect()?;
    let path = format!("{}/rotate", of(&args.one.stream));
    let cut = api
        .request(Method::POST, &path)
        .json(&RotateRequest { now: args.now });
    let cut: RotateReply = answer(cut).await?;
    if args.one.remote.json {
        println!("{}", serde_json::to_string_pretty(&cut)?);
        return Ok(());
    }
    match cut.boundary {
        BoundarySpec::Segment(at) => println!("period {} begins at segment {at}", cut.index),
        BoundarySpec::Time(Text(at)) => println!("period {} begins at {at}", cut.index),
    }
    for one in &cut.unreachable {
        let (instance, Text(end)) = (&one.instance, &one.lease_end);
        println!("{instance} cannot be reached and may go on under the old key until {end}");
    }
    Ok(())
}

async fn remove(args: OneArgs) -> anyhow::Result<()> {
    let api = args.remote.connect()?;
    checked(api.request(Method::DELETE, &of(&args.stream)))
        .await
        .map(drop)
}

fn of(stream: &StreamId) -> String {
    format!("/v1/streams/{stream}")
}

/// A connection with its credential.
struct Api {
    client: Client,
    server: String,
    credential: SecretText,
}

impl Remote {
    fn connect(&self) -> anyhow::Result<Api> {
        let mut client = Client::builder().https_only(true);
        if let Some(ca) = &self.ca {
            let pem = std::fs::read(ca).with_context(|| ca.display().to_string())?;
            for certificate in Certificate::from_pem_bundle(&pem)? {
                client = client.add_root_certificate(certificate);
            }
        }
        Ok(Api {
            client: client.build()?,
            server: self.server.trim_end_matches('/').to_owned(),
            credential: read_credential(&self.credential_file)?,
        })
    }

    fn print(&self, streams: &[StreamView]) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(streams)?);
            return Ok(());
        }
        println!("{:<32} {:<24} {:<10} VERSION", "STREAM", "ROTATION", "KEYS");
        for view in streams {
            let rotation = match &view.rotation {
                RotationSpec::Never => "never".to_owned(),
                RotationSpec::Every(Text(span)) => format!("every {span}"),
                RotationSpec::Segments(count) => format!("each {count} segments"),
            };
            let keys = match view.key_scope {
                KeyScopeSpec::Stream => "stream",
                KeyScopeSpec::Rendition => "rendition",
            };
            println!(
                "{:<32} {rotation:<24} {keys:<10} {}",
                view.stream.0.as_str(),
                view.version
            );
        }
        Ok(())
    }
}

impl Api {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.server);
        self.client
            .request(method, url)
            .bearer_auth(self.credential.expose())
    }
}

async fn answer<T: DeserializeOwned + Serialize>(request: RequestBuilder) -> anyhow::Result<T> {
    Ok(checked(request).await?.json().await?)
}

/// The answer, or the problem that the server described.
async fn checked(request: RequestBuilder) -> anyhow::Result<reqwest::Response> {
    let answer = request
        .send()
        .await
        .context("the key server does not answer; `--ca FILE` trusts a CA of one's own")?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status();
    match answer.json::<Problem>().await {
        Ok(problem) => {
            let detail = problem
                .detail
                .map(|text| format!(": {text}"))
                .unwrap_or_default();
            bail!(
                "{} ({status}){detail}, request {}",
                problem.title,
                problem.request_id
            )
        }
        Err(_) => bail!("the server answered {status}"),
    }
}
