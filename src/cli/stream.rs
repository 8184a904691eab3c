//! `hlskey stream add|ls|show|rotate|rm`: a packager's work by hand, over the server's own API.
//!
//! Must not know: the store; whatever this can do, a credential allows.

use clap::{Args, Subcommand};
use reqwest::Method;

use super::remote::{Remote, answer, checked};
use crate::api::{
    BoundarySpec, KeyScopeSpec, RotateReply, RotateRequest, RotationSpec, StreamList,
    StreamRegistration, StreamView, Text,
};
use crate::domain::StreamId;

/// `hlskey stream …`.
#[derive(Debug, Subcommand)]
pub(super) enum StreamCommand {
    /// Register a stream, or change how it rotates.
    Add(AddArgs),
    /// List the streams that the credential covers.
    Ls(Asking),
    /// Show one stream.
    Show(OneArgs),
    /// Cut to a new key, once every encryptor that holds a lease has acknowledged it.
    Rotate(RotateArgs),
    /// Unregister a stream: its keys are answered with 410 from now on.
    Rm(OneArgs),
}

/// The server, who asks, and how the answer is shown.
#[derive(Debug, Args)]
pub(super) struct Asking {
    #[command(flatten)]
    remote: Remote,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// `hlskey stream show|rm`.
#[derive(Debug, Args)]
pub(super) struct OneArgs {
    #[command(flatten)]
    asking: Asking,
    /// The stream.
    stream: StreamId,
}

/// `hlskey stream add`.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    asking: Asking,
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
        StreamCommand::Ls(asking) => list(asking).await,
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
    let api = args.asking.remote.connect()?;
    let put = api.request(Method::PUT, &of(&args.stream)).json(&wanted);
    let stream: StreamView = answer(put).await?;
    args.asking.print(&[stream])
}

async fn list(asking: Asking) -> anyhow::Result<()> {
    let list: StreamList =
        answer(asking.remote.connect()?.request(Method::GET, "/v1/streams")).await?;
    asking.print(&list.streams)
}

async fn show(args: OneArgs) -> anyhow::Result<()> {
    let api = args.asking.remote.connect()?;
    let stream: StreamView = answer(api.request(Method::GET, &of(&args.stream))).await?;
    args.asking.print(&[stream])
}

async fn rotate(args: RotateArgs) -> anyhow::Result<()> {
    let api = args.one.asking.remote.connect()?;
    let path = format!("{}/rotate", of(&args.one.stream));
    let cut = api
        .request(Method::POST, &path)
        .json(&RotateRequest { now: args.now });
    let cut: RotateReply = answer(cut).await?;
    if args.one.asking.json {
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
    let api = args.asking.remote.connect()?;
    checked(api.request(Method::DELETE, &of(&args.stream)))
        .await
        .map(drop)
}

/// Where the stream is at a server.
pub(super) fn of(stream: &StreamId) -> String {
    format!("/v1/streams/{stream}")
}

impl Asking {
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
