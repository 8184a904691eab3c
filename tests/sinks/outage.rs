//! A sink that is away, full, or does not let us in: it holds up nobody, and catches up.
//!
//! Must not know: how long it is away in earnest.

use super::{Scene, has, level};
use crate::harness::bucket::ObjectStore;
use crate::harness::collector::Collector;
use crate::harness::dav::{CREDENTIAL, Dav};
use crate::harness::on_air::{alarms, told};
use crate::harness::packager::Packager;
use crate::harness::process::Process;
use crate::harness::small_disk::SmallDisk;
use crate::harness::wait::{seconds, until};

/// Goes on air until `done`, while viewers of the folder want everything in time.
async fn on_air(
    scene: &mut Scene,
    folder: &mut Collector,
    what: &str,
    mut done: impl FnMut(&Scene) -> bool,
) {
    scene.packager.pause().await; // what was waited for is not made up for
    for _ in 0..240 {
        scene.packager.run(1).await;
        folder.look(&scene.packager.renditions).await;
        let lists = folder.evidence.published.iter();
        let last = lists
            .filter_map(|(_, list)| list.segments.last())
            .next_back();
        let behind = scene.packager.next - last.map_or(0, |last| last.msn + 1);
        assert!(
            last.is_none() || behind <= 8,
            "the folder is {behind} segments behind"
        );
        if done(scene) {
            return;
        }
    }
    panic!("{what}: not in time");
}

fn behind(worker: &Process) -> Option<serde_json::Value> {
    let lines = worker.stdout.all();
    let line = lines
        .iter()
        .rev()
        .find(|line| line.starts_with("{\"event\":\"sink_behind\""))?;
    Some(serde_json::from_str(line).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_was_away_catches_up_and_holds_up_nobody() {
    let mut scene = Scene::live("test/away", Packager::single).await;
    let ca = scene.serve.ca();
    let (mut dav, mut store) = (Dav::start().await, ObjectStore::start(&ca).await);
    let mut worker = scene.worker(Some(&dav), Some(&store), &[]);
    let mut folder = Collector::of(scene.sink.path());
    on_air(&mut scene, &mut folder, "it begins", |s| {
        s.packager.next >= 8
    })
    .await;
    let (mut at, mut stored) = (scene.seen_at(&dav), scene.seen_in(&store));
    level(&scene, &mut at).await;
    level(&scene, &mut stored).await;

    dav.kill();
    store.freeze();
    let gone = scene.packager.next;
    on_air(&mut scene, &mut folder, "an alarm for each", |_| {
        told(&worker, "sink_behind") >= 2
    })
    .await;
    on_air(&mut scene, &mut folder, "time goes by", |s| {
        s.packager.next >= gone + 40
    })
    .await;
    assert!(alarms(&worker) >= 2, "{}", worker.stderr.text());
    assert!(behind(&worker).unwrap()["segments"].as_u64().unwrap() > 0);
    dav.resume().await;
    store.thaw();
    let back = scene.packager.next;
    on_air(&mut scene, &mut folder, "both are level again", |_| {
        told(&worker, "sink_level") >= 2
    })
    .await;
    level(&scene, &mut at).await;
    level(&scene, &mut stored).await;
    for msn in gone + 2..back - 12 {
        let sent = dav
            .puts()
            .keys()
            .any(|path| path.ends_with(&format!("-{msn}.ts")));
        assert!(!sent, "{msn} is sent, and nobody lists it");
    }
    scene.judge_shown(&mut folder, 40, 4).await;
    for one in [&mut at, &mut stored] {
        scene.judge_shown(one, 4, 1).await;
    }

    // It comes back with nothing of what it had.
    store.kill();
    let alarms = told(&worker, "sink_behind");
    on_air(&mut scene, &mut folder, "it is missed", |_| {
        told(&worker, "sink_behind") > alarms
    })
    .await;
    on_air(&mut scene, &mut folder, "it is missed for long", |s| {
        s.packager.next > back + 30
    })
    .await;
    store.resume(&ca).await;
    let mut anew = scene.seen_in(&store);
    level(&scene, &mut anew).await;
    worker.stop(rustix::process::Signal::TERM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_asset_waits_for_a_sink_that_is_away() {
    let scene = Scene::finished("test/waits", 12).await;
    let mut dav = Dav::start().await;
    dav.kill();
    let mut run = scene.worker(Some(&dav), None, &["--once"]);
    until("it is missed", seconds(30), async || {
        assert!(run.ended().is_none(), "{}", run.stderr.text());
        (told(&run, "sink_behind") > 0 && told(&run, "published") > 0).then_some(())
    })
    .await;
    assert!(run.ended().is_none(), "the folder alone is not all");
    dav.resume().await;
    let status = run.end(seconds(60)).await;
    assert!(status.success(), "{}", run.stderr.text());
    let mut seen = scene.seen_at(&dav);
    seen.look(&scene.packager.renditions).await;
    scene.judge(&mut seen, 12, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_sink_and_a_wrong_credential_are_told_and_pass() {
    let mut scene = Scene::live("test/full", Packager::single).await;
    let mut dav = Dav::start().await;
    dav.kill();
    let disk = SmallDisk::mount(&dav.www(), 512);
    dav.resume().await;
    disk.fill();
    std::fs::write(dav.credential(), "writer:fake-but-wrong").unwrap();
    let mut worker = scene.worker(Some(&dav), None, &[]);
    let mut folder = Collector::of(scene.sink.path());
    on_air(&mut scene, &mut folder, "it is refused", |_| {
        behind(&worker).is_some_and(|it| it["reason"].to_string().contains("401"))
    })
    .await;
    worker.stop(rustix::process::Signal::TERM).await;
    std::fs::write(dav.credential(), CREDENTIAL).unwrap();
    let mut second = scene.worker(Some(&dav), None, &[]);
    on_air(&mut scene, &mut folder, "it is full", |_| {
        behind(&second).is_some_and(|it| it["reason"].to_string().contains("answered 5"))
    })
    .await;
    disk.empty();
    on_air(&mut scene, &mut folder, "it is level", |_| {
        told(&second, "sink_level") > 0
    })
    .await;
    let mut seen = scene.seen_at(&dav);
    level(&scene, &mut seen).await;
    let last = scene.packager.next - 3;
    assert!(has(&dav.folder(), "index.m3u8", last));
    second.stop(rustix::process::Signal::TERM).await;
    for run in [&worker, &second] {
        let said = run.stdout.text() + &run.stderr.text();
        assert!(!said.contains("fake"), "a credential is told: {said}");
    }
}

/// A folder that is lost and made anew while a sink is away is what the sink is filled from.
#[tokio::test(flavor = "multi_thread")]
async fn a_sink_is_filled_from_a_folder_that_was_made_anew_meanwhile() {
    let mut scene = Scene::live("test/anew", Packager::single).await;
    let mut dav = Dav::start().await;
    dav.kill();
    let mut worker = scene.worker(Some(&dav), None, &[]);
    let folder = scene.sink.path().to_owned();
    let list = folder.join("index.m3u8");
    scene
        .on_air("the folder is filled", async || {
            let text = std::fs::read_to_string(&list).unwrap_or_default();
            text.matches("#EXTINF").count() >= 3
        })
        .await;
    // From here on the list stays as it is.
    let last = scene.packager.next - 1;
    until("all is published", seconds(30), async || {
        let text = std::fs::read_to_string(&list).unwrap_or_default();
        text.contains(&format!("-{last}.ts")).then_some(())
    })
    .await;
    std::fs::remove_dir_all(&folder).unwrap();
    until("it is filled again", seconds(30), async || {
        let text = std::fs::read_to_string(&list).unwrap_or_default();
        (told(&worker, "lost") > 0 && text.contains(&format!("-{last}.ts"))).then_some(())
    })
    .await;
    dav.resume().await;
    let mut seen = scene.seen_at(&dav);
    level(&scene, &mut seen).await;
    scene.judge_shown(&mut seen, 3, 1).await;
    worker.stop(rustix::process::Signal::TERM).await;
}

/// Publishes `count` segments, each once the folder lists the one before, however long they play.
async fn pass(scene: &mut Scene, worker: &mut Process, count: u64) {
    for _ in 0..count {
        let name = format!("-{}.ts\n", scene.packager.next);
        scene.packager.publish();
        until("it is listed", seconds(30), async || {
            assert!(worker.ended().is_none(), "{}", worker.stderr.text());
            let list = String::from_utf8(scene.list("index.m3u8")).unwrap();
            list.contains(&name).then_some(())
        })
        .await;
    }
}

/// Ten minutes of media, as fast as they can be published: fifty windows come and go, and more.
#[tokio::test(flavor = "multi_thread")]
async fn ten_minutes_of_segments_come_and_go_while_a_sink_is_away() {
    let mut scene = Scene::rotating("{ segments = 10 }", "test/ten", Packager::single).await;
    (scene.packager.span, scene.packager.window) = (4000, 3);
    let mut dav = Dav::start().await;
    let mut worker = scene.worker(Some(&dav), None, &[]);
    pass(&mut scene, &mut worker, 12).await;
    let mut seen = scene.seen_at(&dav);
    level(&scene, &mut seen).await;
    let held = std::fs::read(dav.folder().join("index.m3u8")).unwrap();

    dav.kill();
    let gone = scene.packager.next;
    pass(&mut scene, &mut worker, 150).await;
    assert!(told(&worker, "sink_behind") > 0);
    let list = dav.folder().join("index.m3u8");
    assert_eq!(std::fs::read(list).unwrap(), held, "it was away");
    dav.resume().await;
    level(&scene, &mut seen).await;
    let next = scene.packager.next;
    let all = dav.puts();
    let sent = |msn| all.keys().any(|path| path.ends_with(&format!("-{msn}.ts")));
    // One that was under way as the sink went may be sent or not.
    assert!(
        (gone + 1..next - 8).all(|msn| !sent(msn)),
        "what nobody lists is sent"
    );
    assert!((next - 2..next).all(sent), "what is listed is sent");
    assert!((0..gone - 3).all(|msn| {
        all.iter()
            .all(|(path, count)| *count == 1 || !path.ends_with(&format!("-{msn}.ts")))
    }));
    pass(&mut scene, &mut worker, 3).await;
    dav.has_what_is_in(scene.sink.path()).await;
    level(&scene, &mut seen).await;
    scene.judge_shown(&mut seen, 8, 2).await;
    worker.stop(rustix::process::Signal::TERM).await;
}
