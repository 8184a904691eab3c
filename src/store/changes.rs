//! News: what somebody may hold in memory and must look at anew, as rows that each server follows.
//!
//! Writers of news queue for a lock that they hold until they commit, so that rows become visible
//! in the order of their numbers: who reads on from the last one it knows misses none. Must not
//! know: what is held in memory.

use std::io;
use std::time::Duration;

use serde_json::json;
use tokio::time::{sleep, timeout};

use super::error::Fault;
use super::link::{Link, Tx, execute, fetch_all, fetch_optional};
use super::postgres::Listener;
use super::{Backend, Store, StoreError};
use crate::api::Text;
use crate::domain::{Kid, StreamId};

/// Rows that stay. Who is further behind forgets everything instead.
const KEPT: i64 = 4096;
/// How long the database may take to tell the news.
const PATIENCE: Duration = Duration::from_secs(3);
/// The pause after a lost connection: one that is cut each time must not make this loop spin.
const PAUSE: Duration = Duration::from_millis(100);

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A stream: it is registered, cut, or has another policy.
    Stream(StreamId),
    /// A stream and the states of its keys: it was removed, say.
    Keys(StreamId),
    /// The state of one key.
    Key(Kid),
    /// Which credentials are revoked: one revocation more, of this id.
    Revoked(String),
    /// Which credentials are revoked: some no longer are.
    Revocations,
    /// The right of a viewer, or to a stream, or of the viewer to the stream; of all to everything
    /// if neither is named.
    Entitlement {
        /// The viewer's name.
        viewer: Option<String>,
        /// The stream.
        stream: Option<StreamId>,
    },
}

impl Change {
    fn columns(&self) -> (&'static str, String) {
        match self {
            Self::Stream(id) => ("stream", id.to_string()),
            Self::Keys(id) => ("keys", id.to_string()),
            Self::Key(kid) => ("key", kid.to_string()),
            Self::Revoked(id) => ("revocations", id.clone()),
            Self::Revocations => ("revocations", String::new()),
            Self::Entitlement { viewer, stream } => {
                let stream = stream.as_ref().map(StreamId::as_str);
                ("entitlement", json!([viewer, stream]).to_string())
            }
        }
    }

    /// `None` for what only a newer version of this program knows.
    fn of(what: &str, name: &str) -> Option<Self> {
        match what {
            "stream" => name.parse().map(Self::Stream).ok(),
            "keys" => name.parse().map(Self::Keys).ok(),
            "key" => name.parse().map(Self::Key).ok(),
            "revocations" if name.is_empty() => Some(Self::Revocations),
            "revocations" => Some(Self::Revoked(name.to_owned())),
            "entitlement" => {
                let (viewer, stream) = serde_json::from_str(name).ok()?;
                let stream: Option<Text<StreamId>> = stream;
                let stream = stream.map(|text| text.0);
                Some(Self::Entitlement { viewer, stream })
            }
            _ => None,
        }
    }
}

/// Writes the news of a transaction into it. They come last: their lock is everybody's.
pub(super) async fn tell(on: &mut Tx, change: &Change) -> Result<(), StoreError> {
    let (what, name) = change.columns();
    write(on, what, &name).await
}

/// As [`tell`], of everything: followers are told that their news are [`News::Lost`].
pub(super) async fn tell_all(on: &mut Tx) -> Result<(), StoreError> {
    write(on, "all", "").await
}

async fn write(on: &mut Tx, what: &'static str, name: &str) -> Result<(), StoreError> {
    on.announce().await?;
    execute!(
        on,
        "INSERT INTO changes (seq, what, name)
         SELECT coalesce(max(seq), 0) + 1, $1, $2 FROM changes",
        what,
        name
    )?;
    execute!(
        on,
        "DELETE FROM changes WHERE seq <= (SELECT max(c.seq) FROM changes c) - $1",
        KEPT
    )
    .map(drop)
}

/// What a follower is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// All that changed since it was told before.
    Changes(Vec<Change>),
    /// What it missed cannot be told: anything may have changed. So it is at first, for who fell
    /// far behind, and after a restore of the database.
    Lost,
}

/// Somebody who follows the news.
pub struct Follower {
    store: Store,
    /// The connection that it reads by and hears of news on, if the database can tell.
    listener: Option<Listener>,
    /// Number and mark of the last row that was told.
    at: Option<(i64, i64)>,
}

impl Store {
    /// Follows the news; what changes after the first [`Follower::read`] is told from then on.
    pub fn follow(&self) -> Follower {
        Follower {
            store: self.clone(),
            listener: None,
            at: None,
        }
    }
}

impl Follower {
    /// All news that were there when it was called. After an error it connects anew and goes on
    /// from where it was.
    pub async fn read(&mut self) -> Result<News, StoreError> {
        let late = |_| Err(Fault::new(io::Error::from(io::ErrorKind::TimedOut)).into());
        let read = timeout(PATIENCE, self.read_on()).await;
        let read = read.unwrap_or_else(late);
        if read.is_err() {
            self.listener = None;
        }
        read
    }

    /// What was told last could not be heeded: the next news are [`News::Lost`].
    pub fn miss(&mut self) {
        self.at = None;
    }

    /// Returns when the database says that there are news, or the connection is lost, or after
    /// `longest`.
    pub async fn wait(&mut self, longest: Duration) {
        let Some(listener) = &mut self.listener else {
            return sleep(longest).await;
        };
        if let Ok(Err(())) = timeout(longest, listener.heard()).await {
            self.listener = None;
            sleep(PAUSE.min(longest)).await;
        }
    }

    async fn read_on(&mut self) -> Result<News, StoreError> {
        match &self.store.backend {
            Backend::Sqlite(database) => {
                let mut connection = database.read().await?;
                read_after(&mut self.at, Link::Sqlite(&mut connection)).await
            }
            Backend::Postgres(database) => {
                let listener = match &mut self.listener {
                    Some(listener) => listener,
                    none => none.insert(database.listen().await?),
                };
                let connection = listener.connection().await?;
                read_after(&mut self.at, Link::Postgres(connection)).await
            }
        }
    }
}

async fn read_after(at: &mut Option<(i64, i64)>, mut on: Link<'_>) -> Result<News, StoreError> {
    if let Some(last) = *at {
        let rows = fetch_all!(
            on,
            (i64, i64, String, String),
            "SELECT seq, mark, what, name FROM changes WHERE seq >= $1 ORDER BY seq",
            last.0
        )?;
        let known = rows.first().map(|(seq, mark, ..)| (*seq, *mark));
        if known == Some(last) {
            *at = rows.last().map(|(seq, mark, ..)| (*seq, *mark));
            let new = rows.iter().skip(1);
            let all: Option<_> = new.map(|(.., what, name)| Change::of(what, name)).collect();
            return Ok(all.map_or(News::Lost, News::Changes));
        }
    }
    *at = fetch_optional!(
        on,
        (i64, i64),
        "SELECT seq, mark FROM changes ORDER BY seq DESC LIMIT 1"
    )?;
    Ok(News::Lost)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::domain::{Boundary, Era, Rotation, StreamPolicy, Timestamp};
    use crate::store::testing::{cluster, scratch};
    use crate::store::{Appended, Lock, Terms};

    const NOW: Timestamp = Timestamp::from_millis(0);

    fn id(text: &str) -> StreamId {
        text.parse().unwrap()
    }

    async fn add(store: &Store, stream: &str) {
        let (id, policy) = (id(stream), StreamPolicy::default());
        store.add_stream(&id, policy, NOW).await.unwrap();
    }

    async fn told(follower: &mut Follower) -> Vec<Change> {
        match follower.read().await.unwrap() {
            News::Changes(changes) => changes,
            News::Lost => panic!("lost"),
        }
    }

    #[tokio::test]
    async fn each_change_is_told_once_and_nothing_else() {
        let (_scratch, store) = scratch().await;
        let (mut one, stream) = (store.follow(), id("live/a"));
        assert_eq!(one.read().await.unwrap(), News::Lost, "the first time");
        add(&store, "live/a").await;
        add(&store, "live/a").await;
        let policy = StreamPolicy {
            rotation: Rotation::segments(5).unwrap(),
            ..StreamPolicy::default()
        };
        assert!(store.replace_policy(&stream, 1, policy, NOW).await.unwrap());
        assert!(!store.replace_policy(&stream, 1, policy, NOW).await.unwrap());
        assert_eq!(
            told(&mut one).await,
            [0, 1].map(|_| Change::Stream(stream.clone()))
        );
        let era = Era {
            start: Boundary::Segment(9),
            base: 2,
            rule: Rotation::Never,
        };
        let appended = store.append_era(&stream, 2, &era, (Terms::Unleased, NOW));
        assert_eq!(appended.await.unwrap(), Appended::Yes);
        assert_eq!(told(&mut one).await, [Change::Stream(stream.clone())]);
        let kid = Kid::from_bytes([7; 16]);
        store.revoke(kid).await.unwrap();
        assert!(store.remove_stream(&stream, NOW).await.unwrap());
        assert_eq!(
            told(&mut one).await,
            [Change::Key(kid), Change::Keys(stream)]
        );
        assert_eq!(told(&mut one).await, []);
    }

    #[tokio::test]
    async fn of_many_writers_at_once_none_is_missed() {
        let (scratch, store) = scratch().await;
        let other = Store::open(&scratch.config()).await.unwrap();
        let mut follower = other.follow();
        follower.read().await.unwrap();
        let names: Vec<String> = (0..30).map(|at| format!("live/{at}")).collect();
        join_all(names.iter().map(|name| add(&store, name))).await;
        follower.read().await.unwrap();
        let removals = names.iter().enumerate().map(|(at, name)| {
            let store = if at % 2 == 0 { &store } else { &other };
            async move { store.remove_stream(&id(name), NOW).await.unwrap() }
        });
        let mut heard = Vec::new();
        let read = async {
            while heard.len() < names.len() {
                heard.extend(told(&mut follower).await);
            }
        };
        tokio::join!(join_all(removals), read);
        let text = |change: &Change| format!("{change:?}");
        let mut expected: Vec<_> = names.iter().map(|name| Change::Keys(id(name))).collect();
        expected.sort_by_key(text);
        heard.sort_by_key(text);
        assert_eq!(heard, expected);
    }

    #[tokio::test]
    async fn who_falls_far_behind_is_told_so() {
        let (_scratch, store) = scratch().await;
        let (mut near, mut far) = (store.follow(), store.follow());
        far.read().await.unwrap();
        let change = Change::Stream(id("live/a"));
        let write = async |count: i64| {
            let mut on = store.write(Lock::All).await.unwrap();
            for _ in 0..count {
                tell(&mut on, &change).await.unwrap();
            }
            on.commit().await.unwrap();
        };
        write(1).await;
        near.read().await.unwrap();
        write(KEPT - 1).await;
        assert_eq!(told(&mut near).await.len(), 4095);
        assert_eq!(far.read().await.unwrap(), News::Lost);
        write(1).await;
        assert_eq!(told(&mut far).await.len(), 1);
    }

    #[tokio::test]
    async fn a_database_put_back_and_news_that_nobody_knows_are_noticed() {
        let (_scratch, store) = scratch().await;
        let mut follower = store.follow();
        add(&store, "live/a").await;
        follower.read().await.unwrap();
        add(&store, "live/b").await;
        assert_eq!(told(&mut follower).await.len(), 1);
        // Put back to before the last change, and changed again since.
        let mut on = store.write(Lock::All).await.unwrap();
        execute!(on, "DELETE FROM changes WHERE seq = 3").unwrap();
        on.commit().await.unwrap();
        add(&store, "live/c").await;
        add(&store, "live/d").await;
        assert_eq!(follower.read().await.unwrap(), News::Lost);
        assert_eq!(told(&mut follower).await, []);
        let mut on = store.write(Lock::All).await.unwrap();
        execute!(
            on,
            "INSERT INTO changes (seq, what, name) VALUES (5, 'weather', 'fair')"
        )
        .unwrap();
        on.commit().await.unwrap();
        assert_eq!(follower.read().await.unwrap(), News::Lost);
        add(&store, "live/e").await;
        assert_eq!(told(&mut follower).await.len(), 1);
        follower.miss();
        assert_eq!(follower.read().await.unwrap(), News::Lost);
        assert_eq!(told(&mut follower).await, []);
    }

    #[tokio::test]
    async fn postgres_wakes_who_waits() {
        let (_scratch, store) = scratch().await;
        let mut follower = store.follow();
        follower.read().await.unwrap();
        if cluster().is_none() {
            return follower.wait(Duration::from_millis(1)).await;
        }
        let hour = Duration::from_secs(3600);
        tokio::join!(follower.wait(hour), add(&store, "live/a"));
        assert_eq!(told(&mut follower).await.len(), 1);
    }
}
