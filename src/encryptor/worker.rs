//! Runs the engine: passes while there is work, waits for changes, tells the outside.
//!
//! Must not know: what a pass does.

use std::future::ready;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

use super::choose::{Context, Wants};
use super::client::Client;
use super::contact::{Contact, Tell};
use super::engine::{Engine, Outcome};
use super::error::{EncryptorError, Summary};
use super::event::Event;
use super::finish;
use super::keeper::Keeper;
use super::lease::Lease;
use super::options::{Options, Sink, Source};
use super::place::Claims;
use super::report::{Progress, Reporter};
use super::sink::DirSink;
use super::source::{DirSource, OpenFiles, Watch};
use crate::api::Text;
use crate::domain::Clock;

/// The source is looked at this often while something is waited for…
const SOON: Duration = Duration::from_millis(250);
/// … and this often otherwise, besides whenever a change is seen.
const LATER: Duration = Duration::from_millis(500);
/// Changes come in bursts: a pass waits this long for the rest of one.
const BURST: Duration = Duration::from_millis(20);

/// Encrypts the source into the sink until `shutdown`, or with `once` until all of it is done.
///
/// Between two segments it can be stopped at any moment, by a signal or by force: what is
/// published is whole, and the next run goes on from it.
pub async fn run(
    options: Options,
    clock: Arc<dyn Clock>,
    events: impl Fn(Event) + Send + Sync + 'static,
    shutdown: impl Future<Output = ()>,
) -> Result<Summary, EncryptorError> {
    let tell: Tell = Arc::new(events);
    let client = Client::new(&options)?;
    let open_files = OpenFiles::default();
    let engine = open(&options, &clock, open_files.clone())?;
    tell(Event::Started {
        stream: Text(options.stream.clone()),
        instance: options.instance.clone(),
    });
    let mut worker = Worker::new(options, Arc::new(client), clock, tell, engine);
    worker.open_files = open_files;
    worker.watch();
    let ended = worker.run(shutdown).await;
    if worker.lease.borrow().is_some() {
        worker.reporter.finish().await;
    }
    let summary = worker.summary();
    (worker.tell)(Event::Stopped { summary });
    ended.map(|()| summary)
}

/// Opens both ends. Neither may lie inside the other, whichever links lead there.
fn open(
    options: &Options,
    clock: &Arc<dyn Clock>,
    open_files: OpenFiles,
) -> Result<Engine, EncryptorError> {
    let (Source::Dir(from), Sink::Dir(to)) = (&options.source, &options.sink);
    let no_source = |source| EncryptorError::Source {
        path: from.clone(),
        source,
    };
    let no_sink = |source| EncryptorError::Sink {
        path: to.clone(),
        source,
    };
    let source_path = from.canonicalize().map_err(no_source)?;
    let sink_path = resolved(to).map_err(no_sink)?;
    if source_path.starts_with(&sink_path) || sink_path.starts_with(&source_path) {
        return Err(EncryptorError::Overlap {
            source_path,
            sink_path,
        });
    }
    let source = DirSource::open(&source_path, open_files).map_err(no_source)?;
    let sink = DirSink::open(&sink_path)?;
    Engine::new(source, sink, clock.now()).map_err(no_sink)
}

/// The path with its links resolved, as far as it exists.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut known: &Path = &path;
    loop {
        match (known.canonicalize(), known.parent()) {
            (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => {
                known = parent;
            }
            (found, _) => {
                let rest = path.strip_prefix(known).unwrap_or(Path::new(""));
                return Ok(found?.join(rest));
            }
        }
    }
}

struct Worker {
    once: bool,
    clock: Arc<dyn Clock>,
    tell: Tell,
    /// Taken while a pass runs on its own thread.
    engine: Option<Engine>,
    open_files: OpenFiles,
    watch: Option<Watch>,
    keeper: Arc<Keeper>,
    reporter: Arc<Reporter>,
    wants: watch::Sender<Wants>,
    progress: watch::Sender<Progress>,
    lease: watch::Receiver<Option<Arc<Lease>>>,
    claims: watch::Receiver<Arc<Claims>>,
}

impl Worker {
    fn new(
        options: Options,
        client: Arc<Client>,
        clock: Arc<dyn Clock>,
        tell: Tell,
        engine: Engine,
    ) -> Self {
        let wants = watch::Sender::<Wants>::default();
        let progress = watch::Sender::<Progress>::default();
        let Options {
            stream, instance, ..
        } = options;
        let keeper = Keeper::new(
            client.clone(),
            stream,
            clock.clone(),
            tell.clone(),
            (wants.subscribe(), progress.subscribe()),
        );
        let reporter = Reporter::new(client, instance, progress.subscribe());
        Self {
            once: options.once,
            lease: keeper.lease(),
            claims: reporter.claims(),
            clock,
            tell,
            engine: Some(engine),
            open_files: OpenFiles::default(),
            watch: None,
            keeper: Arc::new(keeper),
            reporter: Arc::new(reporter),
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
        let mut outcome = self.pass().await?; // finds the renditions, which the lease may need
        tokio::select! {
            biased;
            () = &mut shutdown => return Ok(()),
            greeted = self.keeper.greet() => greeted?,
        }
        self.begin(tasks);
        loop {
            if let Some(ended) = self.ended() {
                return ended;
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
    fn begin(&self, tasks: &mut JoinSet<()>) {
        let (keeper, reporter) = (&self.keeper, &self.reporter);
        tasks.spawn(keeper.clone().follow());
        tasks.spawn(keeper.clone().hold());
        tasks.spawn(keeper.clone().check());
        let contact = Contact::new("progress", self.tell.clone());
        let followed = keeper.clone();
        tasks.spawn(
            reporter
                .clone()
                .run(contact, move |version| followed.newer(version)),
        );
    }

    /// One pass on a thread of its own, and what follows from it.
    async fn pass(&mut self) -> Result<Outcome, EncryptorError> {
        let lost = || EncryptorError::Worker("its thread is gone".to_owned());
        let mut engine = self.engine.take().ok_or_else(lost)?;
        let lease = self.lease.borrow_and_update().clone();
        let claims = self.claims.borrow_and_update().clone();
        let now = self.clock.now();
        let passed = spawn_blocking(move || {
            let context = Context {
                lease: lease.as_deref(),
                claims: &claims,
                now,
            };
            let outcome = engine.pass(&context);
            (engine, outcome)
        });
        let (engine, mut outcome) = passed
            .await
            .map_err(|error| EncryptorError::Worker(error.to_string()))?;
        self.engine = Some(engine);
        for event in outcome.events.drain(..) {
            (self.tell)(event);
        }
        self.pass_on(&outcome);
        if outcome.moved {
            self.watch();
        }
        Ok(outcome)
    }

    fn pass_on(&self, outcome: &Outcome) {
        self.progress.send_if_modified(|progress| {
            let before = progress.clone();
            progress.acknowledged = outcome.acknowledged;
            progress.claims.clone_from(&outcome.wants.claims);
            if let Some(renditions) = &outcome.progress {
                progress.renditions.clone_from(renditions);
            }
            *progress != before
        });
        self.wants.send_if_modified(|wants| {
            let differs = *wants != outcome.wants;
            wants.clone_from(&outcome.wants);
            differs
        });
    }

    /// Waits until there may be something to do.
    async fn change(&self, waits: bool) {
        let (mut lease, mut claims) = (self.lease.clone(), self.claims.clone());
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
            () = sleep(if waits { SOON } else { LATER }) => return,
        }
        sleep(BURST).await;
    }

    fn ended(&self) -> Option<Result<(), EncryptorError>> {
        let engine = self.engine.as_ref().filter(|_| self.once)?;
        finish::ended(&engine.standing(), engine.source.path(), self.clock.now())
    }

    fn summary(&self) -> Summary {
        let engine = self.engine.as_ref();
        engine.map(Engine::summary).unwrap_or_default()
    }
}
