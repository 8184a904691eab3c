//! An hour of a channel in eight renditions, as fast as it is encrypted, under bad luck by chance.
//!
//! Must not know: what the encryptor does about it. The audit is independent of it.

use std::fs;

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rustix::process::Signal;

use crate::harness::chance::seeded;
use crate::harness::clock::SetClock;
use crate::harness::packager::{Packager, payload_of, replace};
use crate::harness::process::Process;
use crate::harness::small_disk::SmallDisk;
use crate::harness::wait::{seconds, until};
use crate::runs::{Show, newest_of};

/// Six seconds each.
const SEGMENTS: u64 = 600;
/// One after so many segments.
const BETWEEN: u64 = 18;
/// Room for what is listed and what left the lists lately, in KiB.
const SINK: u64 = 64 << 10;
/// By how many seconds a clock is wrong.
const WRONG: [i64; 2] = [-3600, 3600];

/// What may happen to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BadLuck {
    WorkerKilled,
    WorkerEnded,
    WorkerFrozen,
    ServerKilled,
    SegmentHalfWritten,
    ListFirst,
    ListTorn,
    ListStale,
    SourceRestarted,
    SinkFull,
    ClockSet,
}

const ALL: [BadLuck; 11] = [
    BadLuck::WorkerKilled,
    BadLuck::WorkerEnded,
    BadLuck::WorkerFrozen,
    BadLuck::ServerKilled,
    BadLuck::SegmentHalfWritten,
    BadLuck::ListFirst,
    BadLuck::ListTorn,
    BadLuck::ListStale,
    BadLuck::SourceRestarted,
    BadLuck::SinkFull,
    BadLuck::ClockSet,
];

/// The stream, and the worker that has it.
struct Channel {
    show: Show,
    /// Where the worker publishes.
    disk: SmallDisk,
    /// What the worker goes by.
    clock: SetClock,
    worker: Process,
    /// From the source's number to the published one.
    offset: u64,
}

impl Channel {
    fn begin(show: Show) -> Self {
        let disk = SmallDisk::mount(&show.job.sink, SINK);
        let clock = SetClock::right();
        Self {
            worker: started(&show, &clock),
            offset: 0,
            show,
            disk,
            clock,
        }
    }

    fn packager(&mut self) -> &mut Packager {
        &mut self.show.packager
    }

    /// The next segments, one after the other, each looked for.
    async fn publish(&mut self, count: u64) {
        for _ in 0..count {
            self.packager().publish();
            self.show.look().await;
        }
    }

    /// The same, no faster than they are published.
    async fn go_on(&mut self, count: u64) {
        for _ in 0..count {
            self.publish(1).await;
            let least = (self.packager().next + self.offset).saturating_sub(4);
            until("it keeps up", seconds(30), async || {
                assert!(self.worker.ended().is_none(), "{}", self.said());
                self.show.look().await;
                let mut renditions = self.show.packager.renditions.iter();
                let newest = |name: &String| newest_of(&self.show.seen, name);
                renditions
                    .all(|name| newest(name).is_some_and(|msn| msn >= least))
                    .then_some(())
            })
            .await;
        }
    }

    fn said(&self) -> String {
        self.worker.stderr.text()
    }

    async fn catch_up(&mut self) {
        self.show.caught_up(&mut self.worker).await;
        let newest = newest_of(&self.show.seen, &self.show.packager.renditions[0]);
        self.offset = newest.unwrap() + 1 - self.packager().next;
    }

    async fn suffer(&mut self, luck: BadLuck, chance: &mut StdRng) {
        let some = chance.random_range(1..=4);
        match luck {
            BadLuck::WorkerKilled => {
                self.worker.kill();
                self.publish(some).await;
                self.worker = started(&self.show, &self.clock);
            }
            BadLuck::WorkerEnded => {
                self.worker.stop(Signal::TERM).await;
                self.publish(some).await;
                self.worker = started(&self.show, &self.clock);
            }
            BadLuck::WorkerFrozen => {
                self.worker.signal(Signal::STOP);
                self.publish(some).await;
                self.worker.signal(Signal::CONT);
            }
            BadLuck::ServerKilled => {
                self.show.serve.kill();
                self.publish(some).await;
                self.show.serve.resume().await;
            }
            BadLuck::SegmentHalfWritten => self.write_half(chance).await,
            BadLuck::ListFirst => self.list_first().await,
            BadLuck::ListTorn => self.tear_list(chance).await,
            BadLuck::ListStale => self.show_old_list(some).await,
            BadLuck::SourceRestarted => {
                self.packager().restart();
                self.publish(some + 1).await;
            }
            BadLuck::SinkFull => {
                self.disk.fill();
                self.publish(some).await;
                self.show.follow_on(seconds(1)).await;
                self.disk.empty();
            }
            BadLuck::ClockSet => {
                self.clock.set(*WRONG.choose(chance).unwrap());
                self.go_on(some).await;
                self.clock.set(0);
            }
        }
    }

    /// A picture's segment is listed while half of it is written, in its own name.
    async fn write_half(&mut self, chance: &mut StdRng) {
        let at = chance.random_range(1..600);
        let torn = self.packager().renditions[0].clone();
        let whole = self.list_next(|name, bytes| {
            let is_torn = name == torn;
            Some(if is_torn { &bytes[..at] } else { bytes })
        });
        self.show.follow_on(seconds(1)).await;
        for (path, bytes) in whole {
            fs::write(path, bytes).unwrap();
        }
    }

    async fn list_first(&mut self) {
        let whole = self.list_next(|_, _| None);
        self.show.follow_on(seconds(1)).await;
        for (path, bytes) in whole {
            fs::write(path, bytes).unwrap();
        }
    }

    /// Lists the next segment with what `shown` leaves of its files; gives the whole of the others.
    fn list_next(
        &mut self,
        shown: impl for<'b> Fn(&str, &'b [u8]) -> Option<&'b [u8]>,
    ) -> Vec<(std::path::PathBuf, Vec<u8>)> {
        let packager = self.packager();
        let (run, msn) = (packager.runs.len() as u64, packager.next);
        let mut missing = Vec::new();
        for name in &packager.renditions {
            let (path, bytes) = (packager.segment(name, msn), payload_of(name, run, msn));
            let written = shown(name, &bytes);
            match written {
                Some(written) => fs::write(&path, written).unwrap(),
                // What an earlier run left in this name would be its segment to any reader.
                None => drop(fs::remove_file(&path)),
            }
            if written.is_none_or(|written| written.len() < bytes.len()) {
                missing.push((path, bytes));
            }
        }
        packager.next += 1;
        packager.write_lists(false);
        missing
    }

    async fn tear_list(&mut self, chance: &mut StdRng) {
        let packager = self.packager();
        let name = packager.renditions.choose(chance).unwrap();
        let path = packager.root.join(name);
        let text = fs::read(&path).unwrap();
        fs::write(&path, &text[..chance.random_range(0..text.len())]).unwrap();
        self.show.follow_on(seconds(1)).await;
        self.packager().write_lists(false);
    }

    async fn show_old_list(&mut self, some: u64) {
        let packager = &self.show.packager;
        let path = packager.root.join(&packager.renditions[0]);
        let old = fs::read_to_string(&path).unwrap();
        self.go_on(some).await;
        replace(&path, &old);
        self.show.follow_on(seconds(1)).await;
        self.packager().write_lists(false);
    }
}

fn started(show: &Show, clock: &SetClock) -> Process {
    Process::start(clock.given_to(show.job.command(&[])))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_bad_luck_loses_and_leaks_nothing() {
    let mut chance = seeded();
    let mut show = Show::begin("{ segments = 10 }", "soak", Packager::eight).await;
    (show.packager.span, show.packager.window) = (6000, 12);
    let mut channel = Channel::begin(show);
    let (mut published, mut had) = (0, Vec::new());
    while published < SEGMENTS {
        channel.go_on(BETWEEN).await;
        channel.catch_up().await;
        // Every second time one that it did not have yet, as long as there is one.
        let next = ALL.iter().find(|luck| !had.contains(*luck));
        let next = next.filter(|_| had.len() % 2 == 0);
        let luck = *next.or_else(|| ALL.choose(&mut chance)).unwrap();
        println!("{luck:?} after {} segments", published + BETWEEN);
        channel.suffer(luck, &mut chance).await;
        channel.publish(1).await;
        channel.catch_up().await;
        had.push(luck);
        published += BETWEEN;
    }
    assert!(ALL.iter().all(|luck| had.contains(luck)), "{had:?}");
    let renditions = channel.show.packager.renditions.len() as u64;
    let least = usize::try_from(renditions * SEGMENTS).unwrap();
    channel.show.judge(least, 50).await;
}
