//! `hlskey key export`: the key of the present as a packager's own file, for those that read files.
//!
//! What stands in a file is the server's answer, asked for as a packager. Must not know: how any
//! packager writes a key down.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use zeroize::Zeroizing;

use super::private_file;
use super::remote::{Api, Remote, checked, found};
use super::stream::of;
use crate::api::{KeyScopeSpec, StreamView};
use crate::domain::{Kid, Rendition, StreamId};

/// `hlskey key …`.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Write the key of the present for a packager or media server that cannot ask for it.
    Export(ExportArgs),
}

/// `hlskey key export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    remote: Remote,
    /// The stream.
    #[arg(long)]
    stream: StreamId,
    /// Whose words.
    #[arg(long)]
    format: Format,
    /// The renditions that want a file each; without it, those that the server knows of, and the
    /// stream itself if it has one key for all. May be given several times.
    #[arg(long = "rendition", value_name = "NAME")]
    renditions: Vec<Rendition>,
    /// Write files below this folder, for their owner alone, instead of printing one. A
    /// rendition's lies beside its stream's, or below it if its name has a `/`.
    #[arg(long, value_name = "FOLDER", required_if_eq("format", "ffmpeg"))]
    dir: Option<PathBuf>,
}

/// Whose words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A `.key` file of Wowza.
    Wowza,
    /// Shaka Packager's flags, for its `--flagfile`.
    Shaka,
    /// Arguments of Bento4's mp42hls.
    Bento4,
    /// A crypt file of GPAC.
    Gpac,
    /// The DRM answer of nginx-vod-module.
    NginxVod,
    /// The raw key, and a key information file that names it.
    Ffmpeg,
}

impl Format {
    /// The sub-resource that answers with it.
    fn resource(self) -> &'static str {
        match self {
            Self::Wowza => "wowza.key",
            Self::Shaka => "shaka",
            Self::Bento4 => "bento4",
            Self::Gpac => "gpac.xml",
            Self::NginxVod => "nginx-vod.json",
            Self::Ffmpeg => "ffmpeg.keyinfo",
        }
    }

    /// How its files' names end.
    fn ending(self) -> &'static str {
        match self {
            Self::Wowza => "key",
            Self::Shaka => "flags",
            Self::Bento4 => "args",
            Self::Gpac => "xml",
            Self::NginxVod => "json",
            Self::Ffmpeg => "keyinfo",
        }
    }
}

pub(super) async fn run(command: KeyCommand) -> anyhow::Result<()> {
    let KeyCommand::Export(args) = command;
    let api = args.remote.connect()?;
    let wanted = args.wanted(&api).await?;
    let Some(dir) = &args.dir else {
        ensure!(
            wanted.len() == 1,
            "the stream has several renditions: say which with --rendition, or where with --dir"
        );
        print!("{}", *args.told(&api, wanted[0].as_ref()).await?);
        return Ok(());
    };
    for rendition in &wanted {
        let path = dir.join(args.file(rendition.as_ref()));
        let written = args.write(&api, rendition.as_ref(), &path).await;
        written.with_context(|| path.display().to_string())?;
        println!("{}", path.display());
    }
    Ok(())
}

impl ExportArgs {
    /// Who gets a file: a rendition, or the stream itself.
    async fn wanted(&self, api: &Api) -> anyhow::Result<Vec<Option<Rendition>>> {
        if !self.renditions.is_empty() {
            return Ok(self.renditions.iter().cloned().map(Some).collect());
        }
        let show = api.request(Method::GET, &of(&self.stream));
        // A stream that is registered on first sight is not there yet.
        let Some(view) = found::<StreamView>(show).await? else {
            return Ok(vec![None]);
        };
        let known = view.renditions.into_iter().map(|name| Some(name.0));
        let whole = matches!(view.key_scope, KeyScopeSpec::Stream);
        let wanted: Vec<_> = whole.then_some(None).into_iter().chain(known).collect();
        ensure!(
            !wanted.is_empty(),
            "each rendition of this stream has its own key, and none is known yet: name them with --rendition"
        );
        Ok(wanted)
    }

    /// Below the folder, without anything that leads out of it: neither a stream nor a rendition
    /// has such a name.
    fn file(&self, rendition: Option<&Rendition>) -> PathBuf {
        let stream = Path::new(self.stream.as_str());
        let name = match rendition.map(Rendition::as_str) {
            None => stream.to_owned(),
            Some(below) if below.contains('/') => stream.join(below),
            Some(beside) => stream.with_file_name(beside),
        };
        let mut name = name.into_os_string();
        name.push(".");
        name.push(self.format.ending());
        name.into()
    }

    async fn told(
        &self,
        api: &Api,
        rendition: Option<&Rendition>,
    ) -> anyhow::Result<Zeroizing<String>> {
        let path = format!("{}/{}", of(&self.stream), self.format.resource());
        let mut request = api.request(Method::GET, &path);
        if let Some(rendition) = rendition {
            request = request.query(&[("rendition", rendition.as_str())]);
        }
        Ok(Zeroizing::new(checked(request).await?.text().await?))
    }

    async fn write(
        &self,
        api: &Api,
        rendition: Option<&Rendition>,
        path: &Path,
    ) -> anyhow::Result<()> {
        let mut text = self.told(api, rendition).await?;
        private_file::create_dir(path.parent().unwrap_or(Path::new(".")))?;
        if self.format == Format::Ffmpeg {
            text = self.with_local_key(api, &text, path).await?;
        }
        Ok(private_file::replace(path, text.as_bytes())?)
    }

    /// Puts the raw key beside `path` under a name of its own, so that nobody who reads one file
    /// after the other is torn between two keys, and names it in the second line.
    async fn with_local_key(
        &self,
        api: &Api,
        text: &str,
        path: &Path,
    ) -> anyhow::Result<Zeroizing<String>> {
        let mut lines = text.lines();
        let (uri, _) = (lines.next().unwrap_or_default(), lines.next());
        let kid: Kid = uri.rsplit('/').next().unwrap_or_default().parse()?;
        let of_key = format!("{}/key", of(&self.stream));
        let request = api.request(Method::GET, &of_key);
        let request = request.query(&[("kid", kid.to_string())]);
        let key = Zeroizing::new(checked(request).await?.bytes().await?.to_vec());
        let file = path.with_extension(format!("{kid}.key"));
        private_file::replace(&file, &key)?;
        let iv = lines.next().unwrap_or_default();
        Ok(Zeroizing::new(format!("{uri}\n{}\n{iv}\n", file.display())))
    }
}
