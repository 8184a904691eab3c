//! Runs the engine: passes while there is work, waits for changes, tells the outside.
//!
//! Must not know: what a pass does.

mod noted;
mod pass;

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::choose::Wants;
use super::client::Client;
use super::contact::{Contact, Tell};
use super::containers::Containers;
use super::crew::Crew;
use super::engine::Engine;
use super::error::{EncryptorError, Summary};
use super::event::Event;
use super::finish;
use super::keeper::Keeper;
use super::lease::Lease;
use super::ledger::Ledger;
use super::open::{Places, given, host, journal};
use super::options::{Options, Source};
use super::periods::union;
use super::recorded::Opener;
use super::report::{Progress, Reporter};
use super::runs::Runs;
use super::sink::{Replicas, Shared};
use super::source::{Follower, OpenFiles, Watch};
use super::status::Board;
use super::step::Pace;
use super::term::Term;
use super::undated::Claims;
use crate::api::{RenditionProgress, Text};
use crate::domain::{Clock, Entropy};

/// The source is looked at this often while something is waited for…
const SOON: Duration = Duration::from_millis(250);
/// … and this often otherwise, besides whenever a change is seen.
const LATER: Duration = Duration::from_millis(500);
/// Why a run that has published all of its spool has not done its work.
const PARTLY: &str = "not all of it could be read";
/// Changes come in bursts: a pass waits this long for the rest of one.
const BURST: Duration = Duration::from_millis(20);

/// Encrypts the source into the sink until `shutdown`, or with `once` until all of it is done.
///
/// Between two segments it can be stopped at any moment, by a signal or by force: what is
/// published is whole, and the next run goes on from it.
pub async fn run(
    options: Options,
    (clock, entropy, crew): (Arc<dyn Clock>, Arc<dyn Entropy>, Crew),
    (events, boards): (impl Fn(Event) + Send + Sync + 'static, impl FnOnce(Board)),
    shutdown: impl Future<Output = ()>,
) -> Result<Summary, EncryptorError> {
    let open_files = OpenFiles::default();
    let places = Places::of(&options)?;
    let mut engine = places.open(open_files.clone(), clock.now())?;
    let ledger = Ledger::open(&options, entropy.clone())?;
    engine.journal = journal(&options, &engine)?;
    engine.given = given(&options, &engine)?;
    engine.names.remember(&engine.given);
    let instance = match &options.instance {
        Some(name) => name.clone(),
        None => ledger.instance(&host())?,
    };
    let client = Client::new(&options, &instance)?;
    let opener = Opener::of(&options, &instance).transpose()?;
    let board = Board::new(&options, &instance, clock.now());
    boards(board.clone());
    let tell = board.listening(Arc::new(events), clock.clone());
    let shared = Shared {
        instance: instance.clone(),
        outgoing: places.outgoing(),
        published: engine.shown.subscribe(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        tell: tell.clone(),
    };
    let replicas = Replicas::open(places.others(), &options, shared).await?;
    let follower = follower(&options, &tell, entropy)?;
    tell(Event::Started {
        stream: Text(options.stream.clone()),
        instance: instance.clone(),
    });
    let outside = (Arc::new(client), Arc::new(ledger), instance);
    let mut worker = Worker::new(options, outside, clock, tell, engine);
    worker.open_files = open_files;
    worker.opener = opener;
    worker.crew = crew;
    worker.board = Some(board);
    worker.replicas = replicas;
    worker.follower = follower.map(Arc::new);
    worker.watch();
    let ended = worker.run(shutdown).await;
    worker.replicas.leave().await;
    worker.leave().await;
    worker.tell_last();
    let summary = worker.summary();
    (worker.tell)(Event::Stopped { summary });
    if ended.is_ok() && worker.once {
        worker.finish();
    }
    ended.map(|()| summary)
}

/// Who fills the spool, if the source is pulled.
fn follower(
    options: &Options,
    tell: &Tell,
    entropy: Arc<dyn Entropy>,
) -> Result<Option<Follower>, EncryptorError> {
    let (Source::Pull(top), Some(spool)) = (&options.source, &options.spool) else {
        return Ok(None);
    };
    let from = (top.clone(), &options.pull_allow[..], options.ca.as_deref());
    let outside = (tell.clone(), entropy);
    let follower = Follower::new(from, spool.clone(), outside, options.once);
    follower
        .map(Some)
        .map_err(|error| EncryptorError::Pull(error.to_string()))
}

struct Worker {
    once: bool,
    containers: Containers,
    clock: Arc<dyn Clock>,
    pace: Pace,
    tell: Tell,
    /// Taken while a pass runs on its own thread.
    engine: Option<Engine>,
    open_files: OpenFiles,
    opener: Option<Opener>,
    crew: Crew,
    /// Where it says how it is doing.
    board: Option<Board>,
    /// Fills the spool, if the source is pulled.
    follower: Option<Arc<Follower>>,
    /// Nothing more is to come from elsewhere that the last pass had not seen.
    is_filled: bool,
    watch: Option<Watch>,
    /// Sinks besides the engine's directory.
    replicas: Replicas,
    /// What the directory's playlists list.
    listed: Vec<RenditionProgress>,
    keeper: Arc<Keeper>,
    reporter: Arc<Reporter>,
    ledger: Arc<Ledger>,
    term: Arc<Term>,
    wants: watch::Sender<Wants>,
    progress: watch::Sender<Progress>,
    lease: watch::Receiver<Option<Arc<Lease>>>,
    claims: watch::Receiver<Arc<Claims>>,
    runs: watch::Receiver<Arc<Runs>>,
}

impl Worker {
    fn new(
        options: Options,
        (client, ledger, instance): (Arc<Client>, Arc<Ledger>, String),
        clock: Arc<dyn Clock>,
        tell: Tell,
        engine: Engine,
    ) -> Self {
        let wants = watch::Sender::<Wants>::default();
        let progress = watch::Sender::<Progress>::default();
        let term = Arc::new(Term::new(clock.clone(), options.on_lease_end));
        let keeper = Keeper::new(
            client.clone(),
            options.stream,
            (clock.clone(), term.clone()),
            tell.clone(),
            (wants.subscribe(), progress.subscribe()),
        );
        let shared = (term.clone(), tell.clone());
        let reporter = Reporter::new(client, instance, progress.subscribe(), shared);
        Self {
            once: options.once || matches!(options.source, Source::Vod(_)),
            containers: options.containers,
            lease: keeper.lease(),
            claims: reporter.claims(),
            runs: reporter.runs(),
            clock,
            pace: Pace::default(),
            tell,
            engine: Some(engine),
            open_files: OpenFiles::default(),
            opener: None,
            crew: Crew::default(),
            board: None,
            follower: None,
            is_filled: false,
            watch: None,
            replicas: Replicas::default(),
            listed: Vec::new(),
            keeper: Arc::new(keeper),
            reporter: Arc::new(reporter),
            ledger,
            term,
            wants,
            progress,
        }
    }

    /// Once this returns, nothing is under way any more.
    async fn run(&mut self, shutdown: impl Future<Output = ()>) -> Result<(), EncryptorError> {
        let mut tasks = JoinSet::new();
        let ended = self.work(&mut tasks, shutdown).await;
        tasks.shutdown().await;
        ended
    }

    async fn work(
        &mut self,
        tasks: &mut JoinSet<()>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), EncryptorError> {
        let mut shutdown = pin!(shutdown);
        if let Some(follower) = &self.follower {
            tasks.spawn(follower.clone().run());
        }
        let mut outcome = self.pass().await?; // finds the renditions, which the lease may need
        // The server is asked before anything is published by what was noted.
        self.restore();
        tokio::select! {
            biased;
            () = &mut shutdown => return Ok(()),
            greeted = self.keeper.greet() => greeted?,
        }
        self.begin(tasks);
        loop {
            if let (Some(opener), Some(engine)) = (&mut self.opener, &mut self.engine) {
                tokio::select! {
                    biased;
                    () = &mut shutdown => return Ok(()),
                    () = opener.unlock(&mut engine.source.locks) => {}
                }
            }
            match self.ended() {
                None => {}
                Some(Err(error)) => return Err(error),
                Some(Ok(())) => {
                    return tokio::select! {
                        biased;
                        closed = self.close() => closed,
                        () = &mut shutdown => Err(EncryptorError::Unnoted),
                    };
                }
            }
            let next = async {
                match outcome.busy {
                    true => ready(()).await,
                    false => self.change(outcome.waits).await,
                }
            };
            tokio::select! {
                biased;
                () = &mut shutdown => return Ok(()),
                () = next => {}
            }
            outcome = self.pass().await?;
        }
    }

    /// The end of a run that is done: every sink has everything, and the server has taken note.
    async fn close(&mut self) -> Result<(), EncryptorError> {
        if let Some(engine) = &self.engine {
            let serial = engine.shown.borrow().serial;
            let level = self.replicas.level(serial).await;
            level.map_err(EncryptorError::Unfinished)?;
        }
        let listed = union(&self.listed, &self.replicas.listings());
        self.progress
            .send_modify(|progress| progress.renditions = listed);
        match self.reporter.is_noted().await {
            true => self.whole(),
            false => Err(EncryptorError::Unnoted),
        }
    }

    fn whole(&mut self) -> Result<(), EncryptorError> {
        let lease = self.lease.borrow().clone();
        let engine = self.engine.as_mut();
        engine.map_or(Ok(()), |engine| engine.whole(lease.as_deref()))
    }

    /// Watches the source, if the system lets us.
    fn watch(&mut self) {
        let Some(engine) = &self.engine else { return };
        let open_files = self.open_files.clone();
        let watch = Watch::new(engine.source.path(), open_files, self.clock.clone());
        if let Err(error) = &watch {
            let reason = error.to_string();
            (self.tell)(Event::WatchFailed { reason });
        }
        self.watch = watch.ok();
    }

    /// Begins the loops beside the worker; they end with the set.
    fn begin(&mut self, tasks: &mut JoinSet<()>) {
        self.replicas.spawn(tasks);
        let (keeper, reporter) = (&self.keeper, &self.reporter);
        tasks.spawn(keeper.clone().follow());
        tasks.spawn(keeper.clone().hold());
        tasks.spawn(keeper.clone().check());
        tasks.spawn(reporter.clone().take_times());
        if let Some(board) = &self.board {
            tasks.spawn(board.clone().keep(self.clock.clone()));
        }
        let ledger = self.ledger.clone();
        tasks.spawn(ledger.keep(self.watched(), self.tell.clone()));
        let contact = Contact::new("progress", self.tell.clone());
        let followed = keeper.clone();
        tasks.spawn(
            reporter
                .clone()
                .run(contact, move |version| followed.newer(version)),
        );
    }

    /// Waits until there may be something to do.
    async fn change(&self, waits: bool) {
        let (mut lease, mut claims) = (self.lease.clone(), self.claims.clone());
        let (mut runs, mut kept) = (self.runs.clone(), self.ledger.kept());
        let seen = async {
            match &self.watch {
                Some(watch) => watch.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = seen => {}
            _ = lease.changed() => {}
            _ = claims.changed() => {}
            _ = runs.changed() => {}
            _ = kept.changed() => return,
            () = sleep(if waits { SOON } else { LATER }) => return,
        }
        sleep(BURST).await;
    }

    fn ended(&self) -> Option<Result<(), EncryptorError>> {
        let engine = self.engine.as_ref();
        let engine = engine.filter(|_| self.once && self.is_filled)?;
        let ended = finish::ended(&engine.standing(), engine.source.path(), self.clock.now());
        match &self.follower {
            // What lies in the spool may be of another day.
            Some(follower) if follower.gave_up() => {
                ended.map(|ended| ended.and_then(|()| Err(EncryptorError::Pull(PARTLY.to_owned()))))
            }
            _ => ended,
        }
    }

    /// All is listed: nothing is left for a later run.
    fn finish(&mut self) {
        if let Some(engine) = &mut self.engine {
            engine.journal.finish();
        }
    }

    fn summary(&self) -> Summary {
        let engine = self.engine.as_ref();
        engine.map(Engine::summary).unwrap_or_default()
    }
}
