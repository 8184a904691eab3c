//! All sinks besides the directory that the engine writes: opened, fenced, followed, given up.
//!
//! Must not know: what a sink is behind with.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::folder::Folder;
use super::http::Origin;
use super::mirror::Mirror;
use super::note::NoteFile;
use super::object::Bucket;
use super::published::{Outgoing, Published};
use super::remote::Remote;
use super::replica::{Replica, SinkState};
use super::tenure::{Claimant, Tenure, seat};
use crate::api::RenditionProgress;
use crate::crypto::SecretText;
use crate::domain::{Clock, Entropy};
use crate::encryptor::EncryptorError;
use crate::encryptor::contact::Tell;
use crate::encryptor::ledger::StateError;
use crate::encryptor::options::{Options, Sink};

/// Other sinks, each followed by a task of its own.
#[derive(Default)]
pub(in crate::encryptor) struct Replicas(Vec<Member>);

struct Member {
    remote: Arc<Remote>,
    tenure: Option<Arc<Tenure>>,
    state: watch::Receiver<SinkState>,
    listing: watch::Receiver<Vec<RenditionProgress>>,
    /// Until it runs.
    replica: Option<Replica>,
}

/// What all replicas of a run share.
pub(in crate::encryptor) struct Shared {
    /// The encryptor's name.
    pub(in crate::encryptor) instance: String,
    /// The engine's directory.
    pub(in crate::encryptor) outgoing: Outgoing,
    /// What it has published.
    pub(in crate::encryptor) published: watch::Receiver<Arc<Published>>,
    pub(in crate::encryptor) clock: Arc<dyn Clock>,
    pub(in crate::encryptor) entropy: Arc<dyn Entropy>,
    pub(in crate::encryptor) tell: Tell,
}

/// What a run that ends gives a sink.
const LAST: Duration = Duration::from_secs(3);
/// How often it is looked how far a run that is to end has come.
const LOOK: Duration = Duration::from_millis(100);
/// A sink where nothing succeeds for so long is not waited for.
const HOPELESS: Duration = Duration::from_secs(60);

impl Replicas {
    /// Whether there are none.
    pub(in crate::encryptor) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Opens `sinks`. One that another encryptor writes to is an error.
    pub(in crate::encryptor) async fn open(
        sinks: &[Sink],
        options: &Options,
        shared: Shared,
    ) -> Result<Self, EncryptorError> {
        let mut credentials = options.sink_credentials.iter();
        let mut members = Vec::new();
        for sink in sinks {
            let credential = match sink {
                Sink::Http(_) => credentials.next(),
                _ => None,
            };
            let remote = remote(sink, options.ca.as_deref(), credential)?;
            members.push(member(sink, remote, &options.state, &shared)?);
        }
        if credentials.next().is_some() {
            let reason = "more credentials than https sinks are given".to_owned();
            return Err(unusable("--sink-credential-file", reason));
        }
        let greeted = members.iter().map(Member::greet);
        let greeted = futures_util::future::join_all(greeted).await;
        greeted.into_iter().collect::<Result<(), _>>()?;
        Ok(Self(members))
    }

    /// Begins to follow; ends with the set.
    pub(in crate::encryptor) fn spawn(&mut self, tasks: &mut JoinSet<()>) {
        for member in &mut self.0 {
            if let Some(tenure) = &member.tenure {
                tasks.spawn(tenure.clone().keep(member.remote.clone()));
            }
            if let Some(replica) = member.replica.take() {
                tasks.spawn(replica.run());
            }
        }
    }

    /// What the playlists in these sinks may list.
    pub(in crate::encryptor) fn listings(&self) -> Vec<RenditionProgress> {
        let all = self.0.iter().map(|member| member.listing.borrow().clone());
        all.flatten().collect()
    }

    /// How each sink is doing.
    pub(in crate::encryptor) fn states(&self) -> Vec<SinkState> {
        let all = self.0.iter();
        all.map(|member| member.state.borrow().clone()).collect()
    }

    /// Waits until every sink has all of `serial`; gives why one will not.
    pub(in crate::encryptor) async fn level(&self, serial: u64) -> Result<(), Vec<String>> {
        loop {
            let states = self.states();
            let open = states.iter().filter(|state| state.level != Some(serial));
            let open: Vec<&SinkState> = open.collect();
            if open.is_empty() {
                return Ok(());
            }
            let is_over = |state: &&&SinkState| state.barren >= HOPELESS;
            let over: Vec<String> = open.iter().filter(is_over).map(|s| sentence(s)).collect();
            match over.is_empty() {
                true => sleep(LOOK).await,
                false => return Err(over),
            }
        }
    }

    /// Gives up what was held, so that another encryptor need not wait.
    pub(in crate::encryptor) async fn leave(&self) {
        let all = self.0.iter().map(|member| async {
            if let Some(tenure) = &member.tenure {
                let _ = timeout(LAST, tenure.release(&*member.remote)).await;
            }
        });
        futures_util::future::join_all(all).await;
    }
}

impl Member {
    /// Takes the writer's note, if the sink can be asked at all; one that another is seen to renew
    /// is an error.
    async fn greet(&self) -> Result<(), EncryptorError> {
        let Some(tenure) = &self.tenure else {
            return Ok(());
        };
        let sink = self.state.borrow().place.clone();
        match tenure.greet(&*self.remote).await {
            Some(by) => Err(EncryptorError::SinkTaken { sink, by }),
            None => Ok(()),
        }
    }
}

fn member(
    sink: &Sink,
    remote: Remote,
    state: &Path,
    shared: &Shared,
) -> Result<Member, EncryptorError> {
    let place = sink.to_string();
    let noted = NoteFile::open(state, &place, shared.entropy.as_ref());
    let noted = noted.map_err(|source| StateError::Unusable {
        path: state.to_owned(),
        source,
    })?;
    let (remote, clock) = (Arc::new(remote), shared.clock.clone());
    let tenure = remote.is_fenced().then(|| {
        let who = Claimant {
            instance: shared.instance.clone(),
            token: noted.1.token.clone(),
            seat: seat(state),
        };
        Arc::new(Tenure::new(who, clock.clone(), shared.entropy.clone()))
    });
    let ends = (remote.clone(), tenure.clone());
    let mirror = Mirror::new(ends, shared.outgoing.clone(), noted, clock);
    let listing = mirror.listing.subscribe();
    let outside = (shared.entropy.clone(), shared.tell.clone());
    let replica = Replica::new(place, mirror, shared.published.clone(), outside);
    Ok(Member {
        remote,
        tenure,
        state: replica.state(),
        listing,
        replica: Some(replica),
    })
}

fn remote(
    sink: &Sink,
    ca: Option<&Path>,
    credential: Option<&SecretText>,
) -> Result<Remote, EncryptorError> {
    let place = sink.to_string();
    match sink {
        Sink::Dir(path) => Folder::open(path).map(Remote::Folder),
        Sink::Http(url) => Origin::new(url, ca, credential)
            .map(Remote::Http)
            .map_err(|reason| unusable(&place, reason)),
        Sink::Object(url) => Bucket::new(url, ca)
            .map(Remote::Object)
            .map_err(|reason| unusable(&place, reason)),
    }
}

fn unusable(sink: &str, reason: String) -> EncryptorError {
    EncryptorError::SinkPlace {
        sink: sink.to_owned(),
        reason,
    }
}

fn sentence(state: &SinkState) -> String {
    let reason = state.last_error.as_deref().unwrap_or("not reached yet");
    format!("{}: {reason}", state.place)
}
