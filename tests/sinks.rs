//! Several sinks at once: each is brought to what is published, in the order of publishing.
//!
//! Must not know: how they are reached.

mod fence;
mod keys;
mod long;
mod outage;
mod refusals;
mod refused;
mod swapped;

use std::path::Path;
use std::process::Command;

use crate::harness::bucket::ObjectStore;
use crate::harness::collector::{Collector, Origin};
use crate::harness::dav::Dav;
use crate::harness::encrypt::Encrypt;
use crate::harness::packager::{Packager, file_name};
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// A server, a source, and a worker's first sink, a folder.
struct Scene {
    serve: Serve,
    packager: Packager,
    job: Encrypt,
    _source: tempfile::TempDir,
    sink: tempfile::TempDir,
}

impl Scene {
    /// A live source whose window is short, so that segments leave it and are deleted.
    async fn live(stream: &str, make: fn(&Path) -> Packager) -> Self {
        Self::rotating("{ every = \"5s\" }", stream, make).await
    }

    /// The same under other keys.
    async fn rotating(rotation: &str, stream: &str, make: fn(&Path) -> Packager) -> Self {
        let serve = Serve::start(rotation, "").await;
        let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut packager = make(source.path());
        (packager.span, packager.window) = (500, 4);
        packager.begin_now();
        let job = Encrypt::at(&serve, stream, source.path(), sink.path());
        Self {
            serve,
            packager,
            job,
            _source: source,
            sink,
        }
    }

    /// A finished asset of `count` segments.
    async fn finished(stream: &str, count: u64) -> Self {
        let mut scene = Self::live(stream, Packager::single).await;
        scene.packager.write_vod(count);
        scene
    }

    /// A worker that writes to the folder, `dav` and `store`.
    fn worker(&self, dav: Option<&Dav>, store: Option<&ObjectStore>, more: &[&str]) -> Process {
        Process::start(self.command(dav, store, more))
    }

    /// Goes on air until `done`.
    async fn on_air(&mut self, what: &str, mut done: impl AsyncFnMut() -> bool) {
        for _ in 0..120 {
            self.packager.run(1).await;
            if done().await {
                return;
            }
        }
        panic!("{what}: not in time");
    }

    fn command(&self, dav: Option<&Dav>, store: Option<&ObjectStore>, more: &[&str]) -> Command {
        command(&self.job, dav, store, more)
    }
    /// What viewers of the object storage see.
    fn seen_in(&self, store: &ObjectStore) -> Collector {
        let reader = store.reader(&self.serve.ca());
        Collector::new(Origin::Https(reader, ObjectStore::above()))
    }

    /// What viewers of the origin see.
    fn seen_at(&self, dav: &Dav) -> Collector {
        let reader = dav.reader(&self.serve.ca());
        Collector::new(Origin::Https(reader, "/live".to_owned()))
    }

    /// Judges what was seen.
    async fn judge(&self, seen: &mut Collector, segments: usize, keys: usize) {
        seen.take_source(&self.packager);
        self.ask(seen).await;
        seen.judge(segments, keys);
    }

    async fn ask(&self, seen: &mut Collector) {
        seen.fetch_keys(&self.serve.viewer(&self.job.stream)).await;
        let credential = std::fs::read_to_string(&self.job.credential).unwrap();
        let packager = self.serve.stranger().with(credential.trim());
        seen.lease(&packager, &self.job.stream, "").await;
    }

    /// The same of a sink that was away: what it never listed is not missed.
    async fn judge_shown(&self, seen: &mut Collector, segments: usize, keys: usize) {
        seen.take_source(&self.packager);
        let published = seen.evidence.published.iter();
        let shown = published.flat_map(|(rendition, list)| {
            let segments = list.segments.iter();
            segments.map(move |segment| (rendition.clone(), segment.msn))
        });
        let shown: std::collections::BTreeSet<_> = shown.collect();
        seen.evidence.source.retain(|name, _| shown.contains(name));
        self.ask(seen).await;
        seen.judge(segments, keys);
    }

    /// A playlist of the folder.
    fn list(&self, rendition: &str) -> Vec<u8> {
        std::fs::read(self.sink.path().join(rendition)).unwrap_or_default()
    }
}

/// `job` with these sinks besides its folder.
fn command(
    job: &Encrypt,
    dav: Option<&Dav>,
    store: Option<&ObjectStore>,
    more: &[&str],
) -> Command {
    let mut args: Vec<String> = more.iter().map(|&arg| arg.to_owned()).collect();
    if let Some(dav) = dav {
        let file = dav.credential().to_str().unwrap().to_owned();
        args.extend(["--sink".to_owned(), dav.url()]);
        args.extend(["--sink-credential-file".to_owned(), file]);
    }
    if let Some(store) = store {
        args.extend(["--sink".to_owned(), store.url()]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut command = job.command(&args);
    if let Some(store) = store {
        store.show(&mut command);
    }
    command
}

/// Whether `folder` has the segment's file.
fn has(folder: &Path, rendition: &str, msn: u64) -> bool {
    let list = folder.join(rendition);
    list.parent()
        .unwrap()
        .join(file_name(rendition, msn))
        .exists()
}

/// Waits until the sink that `seen` looks at has the folder's playlists.
async fn level(scene: &Scene, seen: &mut Collector) {
    let master = ["master.m3u8".to_owned()];
    let has_master = scene.packager.renditions.len() > 1;
    let lists = scene.packager.renditions.iter();
    let lists: Vec<&String> = lists.chain(master.iter().filter(|_| has_master)).collect();
    until(
        "the sink has what the folder has",
        seconds(30),
        async || {
            seen.look(&scene.packager.renditions).await;
            for list in &lists {
                if seen.origin.read(list).await.unwrap_or_default() != scene.list(list) {
                    return None;
                }
            }
            Some(())
        },
    )
    .await;
    // It may have come between the two.
    seen.look(&scene.packager.renditions).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_an_origin_and_object_storage_hold_the_same_at_every_look() {
    let mut scene = Scene::live("test/three", Packager::ladder).await;
    let (dav, store) = (
        Dav::start().await,
        ObjectStore::start(&scene.serve.ca()).await,
    );
    scene.packager.write_master();
    scene.packager.window = 8;
    let copy = tempfile::tempdir().unwrap();
    let second = format!("dir:{}", copy.path().display());
    let mut worker = scene.worker(Some(&dav), Some(&store), &["--sink", &second]);
    let mut seen = [
        Collector::of(scene.sink.path()),
        scene.seen_at(&dav),
        scene.seen_in(&store),
        Collector::of(copy.path()),
    ];
    for _ in 0..30 {
        scene.packager.run(1).await;
        for one in &mut seen {
            one.look(&scene.packager.renditions).await;
        }
    }
    scene.packager.write_lists(true);
    let ended = scene.packager.renditions.clone();
    until("the folder's lists end", seconds(20), async || {
        let text = |at: &String| String::from_utf8(scene.list(at)).unwrap();
        ended
            .iter()
            .all(|at| text(at).contains("ENDLIST"))
            .then_some(())
    })
    .await;
    for one in &mut seen {
        level(&scene, one).await;
        one.nothing_changed().await;
        scene.judge_shown(one, 3 * 20, 3).await;
    }
    let [first, others @ ..] = &seen;
    for other in others {
        for (path, bytes) in &first.evidence.files {
            let same = other.evidence.files.get(path);
            assert!(same.is_none_or(|same| same == bytes), "{path} differs");
        }
    }
    for folder in [dav.folder(), copy.path().to_owned()] {
        for rendition in &scene.packager.renditions {
            until("an old segment is deleted", seconds(40), async || {
                (!has(&folder, rendition, 8)).then_some(())
            })
            .await;
            assert!(has(&folder, rendition, 29), "what is listed stays");
        }
    }
    let reader = scene.seen_in(&store).origin;
    for rendition in &scene.packager.renditions {
        let beside = |msn| match rendition.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{}", file_name(rendition, msn)),
            None => file_name(rendition, msn),
        };
        until("an old object is deleted", seconds(40), async || {
            reader.read(&beside(8)).await.is_none().then_some(())
        })
        .await;
        assert!(
            reader.read(&beside(29)).await.is_some(),
            "what is listed stays"
        );
    }
    media_types(&scene, &store).await;
    worker.stop(rustix::process::Signal::TERM).await;
}

async fn media_types(scene: &Scene, store: &ObjectStore) {
    let reader = store.reader(&scene.serve.ca());
    for (path, kind, cache) in [
        (
            "v0/index.m3u8",
            "application/vnd.apple.mpegurl",
            "max-age=1",
        ),
        ("v0/seg-29.ts", "video/mp2t", "max-age=31536000, immutable"),
        (
            "audio/seg-29.aac",
            "audio/aac",
            "max-age=31536000, immutable",
        ),
    ] {
        let answer = reader
            .get(&format!("{}/{path}", ObjectStore::above()))
            .await
            .expect(200);
        assert_eq!(answer.header("content-type"), kind);
        assert_eq!(answer.header("cache-control"), cache);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_asset_is_done_when_object_storage_has_all_of_it() {
    let scene = Scene::finished("test/bucket", 40).await;
    let store = ObjectStore::start(&scene.serve.ca()).await;
    let whole = scene.command(None, Some(&store), &["--once"]);
    // without the folder: what is on its way lies in the state folder alone
    let mut command = Command::new(whole.get_program());
    let mut args = whole.get_args().peekable();
    while let Some(arg) = args.next() {
        let is_folder = args.peek().is_some_and(|next| {
            next.to_str()
                .is_some_and(|next| next.starts_with("dir:") && arg == "--sink")
        });
        match is_folder {
            true => drop(args.next()),
            false => drop(command.arg(arg)),
        }
    }
    command.env_clear();
    store.show(&mut command);
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    assert_eq!(std::fs::read_dir(scene.sink.path()).unwrap().count(), 0);
    let mut seen = scene.seen_in(&store);
    seen.look(&scene.packager.renditions).await;
    scene.judge(&mut seen, 40, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_sends_only_what_is_missing_and_no_other_bytes() {
    let scene = Scene::finished("test/killed", 400).await;
    let dav = Dav::start().await;
    let mut worker = scene.worker(Some(&dav), None, &["--once"]);
    until("half of it is there", seconds(60), async || {
        assert!(worker.ended().is_none(), "{}", worker.stderr.text());
        (dav.puts().len() > 150).then_some(())
    })
    .await;
    worker.kill();
    let list = dav.folder().join("index.m3u8");
    assert!(
        !list.exists(),
        "nothing is listed before all of it is there"
    );
    let before = dav.puts();
    let mut worker = scene.worker(Some(&dav), None, &["--once"]);
    let status = worker.end(seconds(90)).await;
    assert!(status.success(), "{}", worker.stderr.text());
    let segments = |puts: &std::collections::BTreeMap<String, usize>| {
        let all = puts.iter().filter(|(path, _)| path.ends_with(".ts"));
        all.map(|(_, count)| count).sum::<usize>()
    };
    let (first, all) = (segments(&before), segments(&dav.puts()));
    let unnoted = 6; // what was on its way
    assert!(
        first < 400 && (400..=400 + unnoted).contains(&all),
        "{first} before, {all} in all"
    );
    let mut puts = dav.puts().into_iter();
    assert!(puts.all(|(path, count)| count <= 2 || path.ends_with(".json")));
    let mut seen = scene.seen_at(&dav);
    level(&scene, &mut seen).await;
    scene.judge(&mut seen, 400, 10).await;
}
