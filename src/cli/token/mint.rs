//! `hlskey token mint`: viewers' tokens for testing and for small sites without an issuer.
//!
//! Must not know: token formats; `access` signs.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;

use super::asked::{TokenAction, instance};
use crate::access::check::{Instance, Order, OurInstance, OurOrder};
use crate::access::mint;
use crate::cli::ConfigArg;
use crate::cli::span::SignedSpan;
use crate::config::{self, TokenSections};
use crate::crypto::SecretText;
use crate::domain::{
    Clock as _, Entropy as _, Kid, StreamId, StreamPattern, SystemClock, SystemEntropy, Timestamp,
};

/// `hlskey token mint`.
#[derive(Debug, Args)]
pub(in crate::cli) struct MintArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The stream, or a pattern; may be given several times.
    #[arg(long = "stream", value_name = "STREAM", required = true)]
    streams: Vec<StreamPattern>,
    /// The instance, `[schemes.NAME]`, or a kind; `grant` and `session` are signed with the keys of
    /// `[grants]`. Default: the first JWT instance that can sign.
    #[arg(long, value_name = "NAME")]
    scheme: Option<String>,
    /// The client's address, for schemes that bind a token to it.
    #[arg(long)]
    ip: Option<IpAddr>,
    /// One playlist below the stream, such as index.m3u8: an edgeauth token for that URL alone.
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
    /// One key: a grant for that alone.
    #[arg(long, value_name = "KID")]
    kid: Option<Kid>,
    /// The instance in whose place a grant or a session stands, `[schemes.NAME]`, where a policy
    /// accepts some alone; of a session several times, where it requires several.
    #[arg(long = "vouched-by", value_name = "NAME")]
    vouched_by: Vec<String>,
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
    let sections = config::token_sections(&args.config.config)?;
    let now = SystemClock.now();
    let end = args.ttl.from(now);
    let span = (now.min(end), end);
    let instance = args.scheme.as_ref().map(|name| instance(&sections, name));
    let instance = instance.transpose().with_context(|| args.file())?;
    let token = match instance {
        Some(Instance::Ours(instance)) => args.ours(&instance, &sections, span)?,
        _ if args.kid.is_some() || !args.vouched_by.is_empty() => {
            bail!("--kid and --vouched-by are for --scheme grant or session")
        }
        Some(instance) if instance.signs_requests() => args.query(&instance, span)?,
        _ => args.jwt(sections, span)?,
    };
    println!("{}", token.expose());
    Ok(())
}

impl MintArgs {
    fn jwt(
        &self,
        mut sections: TokenSections,
        (start, end): (Timestamp, Timestamp),
    ) -> anyhow::Result<SecretText> {
        if self.ip.is_some() {
            bail!("a JWT is for no address alone: leave --ip out");
        }
        self.check_unsigned()?;
        if let Some(name) = &self.scheme {
            sections.schemes.only(name);
        }
        mint::viewer_token(&sections.schemes, &self.streams, &self.subject, start, end)
            .with_context(|| self.file())
    }

    /// A grant, or a session as it stands in our cookie.
    fn ours(
        &self,
        instance: &OurInstance,
        sections: &TokenSections,
        (issued, expires): (Timestamp, Timestamp),
    ) -> anyhow::Result<SecretText> {
        self.check_unsigned()?;
        let unknown = |name: &&String| !sections.schemes.has(name);
        if let Some(unknown) = self.vouched_by.iter().find(unknown) {
            bail!("--vouched-by: the configuration has no [schemes.{unknown}]");
        }
        let vouched_by: Vec<Arc<str>> = self.vouched_by.iter().map(|it| (**it).into()).collect();
        let order = OurOrder {
            streams: &self.streams,
            kid: self.kid,
            vouched_by: &vouched_by,
            subject: &self.subject,
            ip: self.ip,
            issued,
            expires,
            policies: &sections.policies,
        };
        Ok(instance.issue(order, &SystemEntropy)?)
    }

    /// What stands for itself has no place for these.
    fn check_unsigned(&self) -> anyhow::Result<()> {
        if self.file.is_some() || self.action == TokenAction::Publish {
            bail!("--file and --action are for schemes that sign a URL");
        }
        Ok(())
    }

    /// The query for one stream.
    fn query(
        &self,
        instance: &Instance,
        (start, end): (Timestamp, Timestamp),
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
