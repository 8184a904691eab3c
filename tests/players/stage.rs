//! A live stream with short key periods behind a door that notes requests, and the driver of players.
//!
//! Must not know: what the players should do.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Cannot, Seen};
use crate::harness::encrypt::Encrypt;
use crate::harness::process::Process;
use crate::harness::rust_source::root;
use crate::harness::serve::{Serve, free_port};
use crate::harness::wait::{seconds, until};

const STREAM: &str = "test/live";
/// Two cores decode so many small pictures in time.
const AT_ONCE: usize = 4;
/// Seconds that a player has for a thing that it can do, on a busy machine.
const PATIENCE: u64 = 45;
/// Seconds for what is written down as impossible.
const BRIEF: u64 = 15;

/// A stream on air.
pub(super) struct Stage {
    serve: Serve,
    door: u16,
    _source: TempDir,
    _packager: Process,
    encryptor: Process,
}

impl Stage {
    /// A server whose keys are fetched by way of the door, a packager, an encryptor.
    pub(super) async fn set() -> Self {
        let mut serve = Serve::prepare("{ every = \"4s\" }", "");
        let door = free_port();
        let public = |port| format!("public_url = \"https://localhost:{port}\"");
        serve.amend(&public(serve.port()), &public(door));
        serve.resume().await;
        let source = tempfile::tempdir().unwrap();
        let sink = serve.origin().join(STREAM);
        std::fs::create_dir_all(&sink).unwrap();
        let encryptor = Encrypt::at(&serve, STREAM, source.path(), &sink);
        let encryptor = encryptor.start_with(&["--define"]);
        let packager = Process::start(packager(source.path()));
        Self {
            serve,
            door,
            _source: source,
            _packager: packager,
            encryptor,
        }
    }

    /// Lets each of these play, and gives what came of it.
    pub(super) async fn play(mut self, cells: &[(&str, &str)]) -> Vec<Seen> {
        let file = self.serve.certs().join("stage.json");
        std::fs::write(&file, self.written_for(cells).to_string()).unwrap();
        let mut command = Command::new("node");
        command.current_dir(root().join("tests/browser"));
        command.arg("players.mjs").arg(&file);
        let mut node = Process::start(command);
        let status = until("all have played", seconds(1200), async || {
            assert!(
                self.encryptor.ended().is_none(),
                "{}",
                self.encryptor.stderr.text()
            );
            node.ended()
        })
        .await;
        assert!(status.success(), "{status}: {}", node.stderr.text());
        let lines = node.stdout.all();
        println!("{}", lines.join("\n"));
        let seen = lines.iter().map(|line| serde_json::from_str(line).unwrap());
        seen.collect()
    }

    fn written_for(&self, cells: &[(&str, &str)]) -> Value {
        let cannot = Cannot::read();
        let operator = self.serve.credential("operator", "**", &["operate"]);
        let certs = self.serve.certs();
        let cells = cells.iter().map(|(player, transport)| {
            let plays = !cannot.lists(player, transport, "rotation");
            json!({
                "player": player, "transport": transport, "rc": free_port(),
                "patience": if plays { PATIENCE } else { BRIEF },
            })
        });
        json!({
            "port": self.door,
            "upstream": self.serve.port(),
            "certificate": certs.join("server.pem"),
            "key": certs.join("server.key"),
            "ca": self.serve.ca(),
            "ops": format!("http://127.0.0.1:{}", self.serve.ops_port()),
            "operator": std::fs::read_to_string(operator).unwrap().trim(),
            "secret": "obviously-a-fake-secret-of-40-characters",
            "stream": STREAM,
            "at_once": AT_ONCE,
            "cells": cells.collect::<Vec<_>>(),
        })
    }
}

/// ffmpeg, a second of picture and sound a segment, forty of them listed.
fn packager(folder: &Path) -> Command {
    let mut command = Command::new("/usr/bin/ffmpeg");
    let made = "-nostdin -v error -re -f lavfi -i testsrc=size=160x90:rate=10 \
                -re -f lavfi -i sine=frequency=440 -c:v libx264 -preset ultrafast -g 10 \
                -keyint_min 10 -sc_threshold 0 -pix_fmt yuv420p -c:a aac -f hls -hls_time 1 \
                -hls_list_size 40 -hls_flags temp_file+program_date_time+delete_segments \
                -hls_segment_filename s%d.ts i.m3u8";
    command.current_dir(folder).args(made.split_whitespace());
    command
}
