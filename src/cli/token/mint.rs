//! `hlskey token mint`: viewers' tokens for testing and for small sites without an issuer.
//!
//! Must not know: token formats; `access` signs.

use std::net::IpAddr;

use anyhow::{Context as _, bail};
use clap::Args;

use super::asked::TokenAction;
use crate::access::check::{Instance, Order};
use crate::access::mint;
use crate::cli::ConfigArg;
use crate::cli::span::SignedSpan;
use crate::config::{self, TokenSections};
use crate::crypto::SecretText;
use crate::domain::{
    Clock as _, Entropy as _, StreamId, StreamPattern, SystemClock, SystemEntropy, Timestamp,
};

/// `hlskey token mint`.
#[derive(Debug, Args)]
pub(in crate::cli) struct MintArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The stream, or a pattern; may be given several times.
    #[arg(long = "stream", value_name = "STREAM", required = true)]
    streams: Vec<StreamPattern>,
    /// The instance, `[schemes.NAME]`, or a kind. Default: the first JWT instance that can sign.
    #[arg(long, value_name = "NAME")]
    scheme: Option<String>,
    /// The client's address, for schemes that bind a token to it.
    #[arg(long)]
    ip: Option<IpAddr>,
    /// One playlist below the stream, such as index.m3u8: an edgeauth token for that URL alone.
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
    /// What the token allows; only urlparams has tokens to publish with.
    #[arg(long, value_enum, default_value_t = TokenAction::Play)]
    action: TokenAction,
    /// The viewer; empty where the token shall name nobody: with --ip, a basic token of wmsauth.
    #[arg(long, value_name = "NAME", default_value = "viewer")]
    subject: String,
    /// How long it lasts; a negative span makes an expired one.
    #[arg(
        long,
        value_name = "SPAN",
        default_value = "1h",
        allow_hyphen_values = true
    )]
    ttl: SignedSpan,
}

pub(super) fn run(args: &MintArgs) -> anyhow::Result<()> {
    let mut sections = config::token_sections(&args.config.config)?;
    let now = SystemClock.now();
    let end = args.ttl.from(now);
    let start = now.min(end);
    let token = match args.instance(&sections)? {
        Some(instance) => args.query(&instance, start, end)?,
        None => {
            if args.ip.is_some() {
                bail!("a JWT is for no address alone: leave --ip out");
            }
            if args.file.is_some() || args.action == TokenAction::Publish {
                bail!("--file and --action are for schemes that sign a URL");
            }
            if let Some(name) = &args.scheme {
                sections.schemes.only(name);
            }
            mint::viewer_token(&sections.schemes, &args.streams, &args.subject, start, end)
                .with_context(|| args.file())?
        }
    };
    println!("{}", token.expose());
    Ok(())
}

impl MintArgs {
    /// The instance named, if its tokens are a URL's query.
    fn instance(&self, sections: &TokenSections) -> anyhow::Result<Option<Instance>> {
        let Some(name) = &self.scheme else {
            return Ok(None);
        };
        let instance = Instance::load(&sections.schemes, &sections.outbound, name)
            .with_context(|| self.file())?;
        Ok(instance.signs_requests().then_some(instance))
    }

    /// The query for one stream.
    fn query(
        &self,
        instance: &Instance,
        start: Timestamp,
        end: Timestamp,
    ) -> anyhow::Result<SecretText> {
        let [stream] = self.streams.as_slice() else {
            bail!("a URL is signed for one stream: give --stream once");
        };
        let stream: StreamId = stream
            .as_str()
            .parse()
            .context("a URL is signed for one stream, not for a pattern")?;
        let mut id = [0; 16];
        SystemEntropy.fill(&mut id);
        let order = Order {
            stream: stream.as_str(),
            file: self.file.as_deref(),
            purpose: self.action.purpose(),
            subject: &self.subject,
            ip: self.ip,
            start,
            end,
            id,
        };
        Ok(instance.sign(order)?)
    }

    fn file(&self) -> String {
        self.config.config.display().to_string()
    }
}
