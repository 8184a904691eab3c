//! A whole run, and then a search: no key, token or secret in logs, errors, metrics, process
//! listings, or in the clear on disk.
//!
//! Must not know: where the product could leak; it looks everywhere.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::harness::binary::mint;
use crate::harness::collector::{Collector, Origin};
use crate::harness::demo::{Demo, secret};
use crate::harness::encrypt::Encrypt;
use crate::harness::ffmpeg::Player;
use crate::harness::packager::Packager;
use crate::harness::process::Process;
use crate::harness::wait::seconds;

/// What may be found nowhere, by a name that may be printed.
#[derive(Default)]
pub(crate) struct Secrets(BTreeMap<String, Vec<Vec<u8>>>);

impl Secrets {
    /// A text, whole and without its guessable head.
    fn text(&mut self, name: &str, text: &str) {
        // Signatures and secrets have underscores of their own: what follows one stands anywhere.
        let tail = match text.strip_prefix("hlskey_") {
            Some(api_key) => api_key
                .split_once('_')
                .map_or(api_key, |(_, secret)| secret),
            None => text.rsplit('.').next().unwrap(),
        };
        let spellings = [text, tail].map(|text| text.as_bytes().to_vec());
        self.0.entry(name.to_owned()).or_default().extend(spellings);
    }

    /// Sixteen bytes or more, in the spellings that a program could print.
    pub(crate) fn bytes(&mut self, name: &str, bytes: &[u8]) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let list = bytes
            .iter()
            .map(u8::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        let spellings = [
            bytes.to_vec(),
            hex.to_uppercase().into_bytes(),
            hex.into_bytes(),
            list.into_bytes(),
            STANDARD.encode(bytes).into_bytes(),
            STANDARD_NO_PAD.encode(bytes).into_bytes(),
            URL_SAFE_NO_PAD.encode(bytes).into_bytes(),
        ];
        self.0.entry(name.to_owned()).or_default().extend(spellings);
    }

    /// The names of those that `haystack` holds.
    fn in_(&self, haystack: &[u8]) -> Vec<&str> {
        let holds = |needle: &Vec<u8>| haystack.windows(needle.len()).any(|part| part == needle);
        let found = self
            .0
            .iter()
            .filter(|(_, needles)| needles.iter().any(holds));
        found.map(|(name, _)| name.as_str()).collect()
    }

    /// Wants none of them in `haystack`, which stands at `place`.
    pub(crate) fn not_in(&self, place: &str, haystack: &[u8]) {
        let found = self.in_(haystack);
        assert!(found.is_empty(), "{place} holds {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_run_tells_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let mut demo = Demo::start_logging(dir.path(), "5s", "trace").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packager = Packager::ladder(source.path());
    packager.begin_now();
    packager.write_vod(8);
    let job = Encrypt::at_demo(&demo, "test/secrets", source.path(), sink.path());
    let mut command = job.command(&["--once"]);
    command.env("RUST_LOG", "trace");
    let mut worker = Process::start(command);
    let mut listings = listing(worker.pid());
    assert!(
        worker.end(seconds(30)).await.success(),
        "{}",
        worker.stderr.text()
    );
    let errors = misuse(&demo, &job).await;
    play_and_refuse(&demo).await;
    listings.extend(listing(demo.process.pid()));
    let secrets = all_secrets(&demo, &sink, &packager).await;
    let metrics = demo.operator().get("/metrics").await.expect(200);

    demo.process.stop(rustix::process::Signal::TERM).await;
    let log = demo.process.stderr.text();
    assert!(
        log.contains("TRACE") || log.contains("DEBUG"),
        "the log was at its most: {log}"
    );
    secrets.not_in("the log", log.as_bytes());
    secrets.not_in("the worker's log", worker.stderr.text().as_bytes());
    secrets.not_in("the worker's events", worker.stdout.text().as_bytes());
    secrets.not_in("the metrics", &metrics.body);
    secrets.not_in("a process listing", &listings);
    secrets.not_in("an error", errors.as_bytes());
    nothing_on_disk(&secrets, dir.path());
    nothing_on_disk(&secrets, sink.path());
}

/// What `ps` shows of a process, its environment included.
fn listing(pid: u32) -> Vec<u8> {
    let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
    [read("cmdline"), read("environ"), read("comm")].concat()
}

/// Requests and commands that fail, and all that they say.
async fn misuse(demo: &Demo, job: &Encrypt) -> String {
    let expired = mint(Path::new(demo.field("config")), "test/secrets", "-1h");
    let token = demo.field("token");
    let wrong = demo.stranger().with(&format!("{token}x"));
    let mut said = String::new();
    for (actor, path) in [
        (&wrong, demo.field("key_example").to_owned()),
        (
            &demo.stranger().with(&expired),
            demo.field("key_example").to_owned(),
        ),
        (&demo.stranger(), format!("/v1/streams?token={token}")),
        (&demo.stranger(), format!("/nowhere?token={token}")),
        (&demo.packager(), "/v1/streams/no/such/schedule".to_owned()),
        (
            &demo.packager(),
            "/v1/streams/test/secrets/schedule?count=x".to_owned(),
        ),
    ] {
        let answer = actor.get(&path).await;
        assert!(answer.status >= 400, "{path}");
        said += &format!("{:?} {}", answer.headers, answer.text());
    }
    let refused = Encrypt {
        stream: "no/such".to_owned(),
        ..job.clone()
    }
    .once();
    said + &String::from_utf8_lossy(&[refused.stderr, refused.stdout].concat())
}

async fn play_and_refuse(demo: &Demo) {
    let url = demo.field("master").replace("/hls/", "/v1/play/");
    let url = format!("{url}?token={}", demo.field("token"));
    let mut player = Player::play(&url, Path::new(demo.field("ca")), "", 4);
    player.0.end(seconds(60)).await;
    assert!(!player.frames().is_empty(), "{}", player.0.stderr.text());
}

async fn all_secrets(demo: &Demo, sink: &tempfile::TempDir, packager: &Packager) -> Secrets {
    let mut secrets = Secrets::default();
    secrets.text("the viewer's token", demo.field("token"));
    secrets.text(
        "the packager's credential",
        &secret(demo.field("credential_file")),
    );
    secrets.text(
        "the operator's credential",
        &secret(demo.field("operator_credential_file")),
    );
    for path in files_below(&demo.dir.join("keystore")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if let Ok(text) = std::fs::read_to_string(&path) {
            secrets.text(&name, text.trim());
            let digits = text.trim().as_bytes().chunks(2);
            let pairs =
                digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
            if let Some(bytes) = pairs.collect::<Option<Vec<u8>>>() {
                secrets.bytes(&name, &bytes);
            }
        }
    }
    let above = format!("/hls/{}", demo.stream());
    let mut live = Collector::new(Origin::Https(demo.stranger(), above));
    let renditions = live.origin.renditions(demo.file()).await;
    live.look(&renditions).await;
    let mut finished = Collector::of(sink.path());
    finished.look(&packager.renditions).await;
    let leased = [(&mut live, demo.stream()), (&mut finished, "test/secrets")];
    for (collector, stream) in leased {
        collector.lease(&demo.packager(), stream, "").await;
        for period in &collector.evidence.periods {
            secrets.bytes(&format!("key {}", period.kid), &period.key);
        }
    }
    assert!(secrets.0.len() > 8, "{:?}", secrets.0.keys());
    secrets
}

/// Secrets may lie only in the files that are there to hold them.
fn nothing_on_disk(secrets: &Secrets, dir: &Path) {
    for path in files_below(dir) {
        let text = path.to_string_lossy().into_owned();
        let holds_one = [".key", ".secret", ".credential"]
            .iter()
            .any(|end| text.ends_with(end));
        if !holds_one {
            secrets.not_in(&text, &std::fs::read(&path).unwrap());
        }
    }
}

/// Every file below `dir`.
pub(crate) fn files_below(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found
}

#[test]
fn a_secret_that_is_told_is_found() {
    let mut secrets = Secrets::default();
    secrets.bytes("key", b"obviously-a-fake");
    secrets.text("token", "hlskey_id_obviouslyfake_text");
    for told in [
        "key=obviously-a-fake",
        "6f6276696f75736c792d612d66616b65",
        "6F6276696F75736C792D612D66616B65",
        "[111, 98, 118, 105, 111, 117, 115, 108, 121, 45, 97, 45, 102, 97, 107, 101]",
        "b2J2aW91c2x5LWEtZmFrZQ==",
    ] {
        assert_eq!(secrets.in_(told.as_bytes()), ["key"], "{told}");
    }
    assert_eq!(secrets.in_(b"GET /?token=obviouslyfake_text"), ["token"]);
    assert!(secrets.in_(b"nothing at all to see here").is_empty());
}
