//! What the demo tells: one line of JSON for a program, addresses and commands for a person.
//!
//! Must not know: how the parts run; it waits until a key tag is published.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde::Serialize;

use super::setup::Setup;
use super::{MASTER, STREAM};
use crate::playlist::{Playlist, UriKind};

/// The line that `--json` prints.
#[derive(Debug, Serialize)]
struct Ready {
    page: String,
    master: String,
    key_example: String,
    token: String,
    ca: String,
    server: String,
    ops: String,
    credential_file: String,
    operator_credential_file: String,
    config: String,
}

/// Waits until the stream is published, then tells how to play it.
pub(super) async fn when_ready(setup: &Setup, json: bool, within: Duration) -> anyhow::Result<()> {
    let key_example = tokio::time::timeout(within, first_key(setup))
        .await
        .map_err(|_| anyhow!("nothing was published within {}s", within.as_secs()))?;
    let ready = Ready {
        page: format!("{}/demo/", setup.public_url),
        master: setup.master(),
        key_example,
        token: setup.token.expose().to_owned(),
        ca: setup.certificates.ca.display().to_string(),
        server: setup.public_url.clone(),
        ops: format!("http://{}", setup.config.server.ops.listen),
        credential_file: setup.packager.display().to_string(),
        operator_credential_file: setup.operator.display().to_string(),
        config: setup.config_path.display().to_string(),
    };
    if json {
        println!(
            "{}",
            serde_json::to_string(&ready).context("the ready line")?
        );
    } else {
        print_text(&ready, &setup.play());
    }
    Ok(())
}

/// The key of a published segment, once the multivariant playlist and a rendition are there.
async fn first_key(setup: &Setup) -> String {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    loop {
        ticks.tick().await;
        if let Some(uri) = published_key(setup) {
            return uri;
        }
    }
}

fn published_key(setup: &Setup) -> Option<String> {
    let folder = setup.origin.join(STREAM);
    let Playlist::Multivariant(master) = parse(&folder.join(MASTER))? else {
        return None;
    };
    let child = master.children().into_iter().next()?;
    let mut key = None;
    parse(&folder.join(child.uri))?.map_uris(&mut |kind, uri| {
        if kind == UriKind::Key {
            key = Some(uri.to_owned());
        }
        uri.to_owned()
    });
    key
}

fn parse(path: &std::path::Path) -> Option<Playlist> {
    Playlist::parse(&fs::read_to_string(path).ok()?).ok()
}

fn print_text(ready: &Ready, play: &str) {
    println!(
        "\
The stream is live and encrypted; its key changes as you watch.

  Page        {page}
              (your browser will warn of the development CA: {ca})
  Play        ffmpeg -ca_file '{ca}' -i '{play}?token={token}' -t 10 -f null -
  One key     curl --cacert '{ca}' -H 'Authorization: Bearer {token}' '{key}' | od -An -tx1
  Without it  curl --cacert '{ca}' '{key}'

  Key server  {server}
  Health      {ops}/readyz
  Config      {config}

Ctrl-C stops it.",
        page = ready.page,
        ca = ready.ca,
        token = ready.token,
        key = ready.key_example,
        server = ready.server,
        ops = ready.ops,
        config = ready.config,
    );
}
