//! What the encryptor holds of its stream: the schedule, and the keys of leased periods.
//!
//! A key may be used once it was seen served: fetched from its URI as a player would. Must not
//! know: HTTP, files.

mod footing;
mod noted;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::api::{EraView, IvSpec, KeyScopeSpec, PeriodView, ScheduleView, StateName};
use crate::crypto::{ContentKey, SecretText};
use crate::domain::{
    Boundary, Era, IvRule, KeyScope, Kid, Position, Rendition, Schedule, Slot, StreamId,
};

pub(super) use noted::NotedLease;

/// A stream's schedule and leased keys at one moment.
#[derive(Clone)]
pub(super) struct Lease {
    version: u64,
    key_scope: KeyScope,
    iv: IvRule,
    schedule: Schedule,
    held: HashMap<Place, Arc<HeldKey>>,
    /// Places in the order they were leased, oldest first.
    order: VecDeque<Place>,
    /// It comes from an earlier run: the server's first answer has the last word.
    is_restored: bool,
}

/// A period's identity: whose key, and where it begins.
pub(super) type Place = (Option<Rendition>, Boundary);

/// Periods that are used, or about to be: whose key, and the index.
pub(super) type Periods = BTreeSet<(Option<Rendition>, i64)>;

/// The key of one leased period.
pub(super) struct HeldKey {
    /// The period's place in the schedule.
    pub(super) index: i64,
    /// The key's public name.
    pub(super) kid: Kid,
    /// What `EXT-X-KEY` says.
    pub(super) uri: String,
    key: ContentKey,
    standing: Standing,
}

/// Whether a key may be used.
#[derive(Clone)]
enum Standing {
    /// Not seen served yet.
    Unchecked {
        /// Opens its URI.
        probe: SecretText,
        /// The probe was refused: a new one is needed.
        refused: bool,
    },
    /// The bytes behind its URI are the key.
    Served,
    /// The bytes behind its URI are not the key.
    Mismatch,
    /// Revoked or past its retention.
    Gone,
}

/// A request for a key as a player would make it.
pub(super) struct Probe {
    /// Whose key it is.
    pub(super) place: Place,
    /// What `EXT-X-KEY` says.
    pub(super) uri: String,
    /// Opens it.
    pub(super) token: SecretText,
}

/// Why a segment's key cannot be used yet, or at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyFault {
    /// The period is not leased.
    Missing,
    /// Its URI has not given the key yet.
    NotServed,
    /// Its URI gives other bytes.
    Mismatch,
    /// It is revoked or retired.
    Gone,
    /// The lease has ended.
    Ended,
}

/// A lease that contradicts itself or an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum LeaseError {
    /// It is for another stream.
    #[error("the lease is for another stream")]
    Stream,
    /// The eras are none, out of order, or out of bounds.
    #[error("the lease's schedule is malformed")]
    Schedule,
    /// One kid came with two keys.
    #[error("the lease gives key {0} other bytes than before")]
    Key(Kid),
}

/// The most periods that are held; the oldest leased go first, and can be leased again.
const MAX_HELD: usize = 65_536;

impl Lease {
    /// The first lease of `stream`; its periods are those of `scope`.
    pub(super) fn new(
        view: ScheduleView,
        stream: &StreamId,
        scope: Option<&Rendition>,
    ) -> Result<Self, LeaseError> {
        let mut lease = Self {
            version: view.version,
            key_scope: KeyScope::Stream,
            iv: IvRule::Explicit,
            schedule: schedule(&view)?,
            held: HashMap::new(),
            order: VecDeque::new(),
            is_restored: false,
        };
        lease.renew(view, stream, scope)?;
        Ok(lease)
    }

    /// Takes a later answer in. An answer that was overtaken by a newer one changes nothing but
    /// the keys held.
    pub(super) fn renew(
        &mut self,
        view: ScheduleView,
        stream: &StreamId,
        scope: Option<&Rendition>,
    ) -> Result<(), LeaseError> {
        if view.stream.0 != *stream {
            return Err(LeaseError::Stream);
        }
        let schedule = schedule(&view)?;
        let is_first = std::mem::take(&mut self.is_restored);
        if is_first && self.is_contradicted_by(&view, scope) {
            (self.held, self.order) = Default::default();
        }
        if is_first || view.version >= self.version {
            self.version = view.version;
            self.schedule = schedule;
            self.key_scope = match view.key_scope {
                KeyScopeSpec::Stream => KeyScope::Stream,
                KeyScopeSpec::Rendition => KeyScope::Rendition,
            };
            self.iv = match view.iv {
                IvSpec::Explicit => IvRule::Explicit,
                IvSpec::Sequence => IvRule::Sequence,
            };
        }
        let scope = self.scope(scope);
        for period in view.periods {
            self.hold(period, scope.clone())?;
        }
        Ok(())
    }

    /// The schedule's version, acknowledged in progress reports.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Whether renditions share keys.
    pub(super) fn key_scope(&self) -> KeyScope {
        self.key_scope
    }

    /// Where segments' IVs come from.
    pub(super) fn iv(&self) -> IvRule {
        self.iv
    }

    /// The eras.
    pub(super) fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Whose key `rendition` uses: its own, or everybody's.
    pub(super) fn scope(&self, rendition: Option<&Rendition>) -> Option<Rendition> {
        match self.key_scope {
            KeyScope::Stream => None,
            KeyScope::Rendition => rendition.cloned(),
        }
    }

    /// The period of a segment; `None` if its time is needed and not known.
    pub(super) fn slot_at(&self, position: Position) -> Option<Slot> {
        self.schedule.slot_at(position)
    }

    /// The key for a segment of `rendition` in `slot`.
    pub(super) fn key(&self, rendition: &Rendition, slot: Slot) -> Result<Arc<HeldKey>, KeyFault> {
        let place = (self.scope(Some(rendition)), slot.boundary);
        let held = self.held.get(&place).ok_or(KeyFault::Missing)?;
        match held.standing {
            Standing::Served => Ok(held.clone()),
            Standing::Unchecked { .. } => Err(KeyFault::NotServed),
            Standing::Mismatch => Err(KeyFault::Mismatch),
            Standing::Gone => Err(KeyFault::Gone),
        }
    }

    /// Whether the server's answer is of another stream than the one of this name that was leased.
    fn is_contradicted_by(&self, view: &ScheduleView, scope: Option<&Rendition>) -> bool {
        let scope = self.scope(scope);
        let is_other = |period: &PeriodView| {
            let place = (scope.clone(), Boundary::from(period.boundary));
            let held = self.held.get(&place);
            held.is_some_and(|held| held.kid != period.kid.0)
        };
        view.version < self.version || view.periods.iter().any(is_other)
    }

    /// The name of the key for a segment of `rendition` in `slot`, if the period is leased.
    pub(super) fn kid(&self, rendition: &Rendition, slot: Slot) -> Option<Kid> {
        let place = (self.scope(Some(rendition)), slot.boundary);
        self.held.get(&place).map(|held| held.kid)
    }

    /// The key with this public name, if it is held.
    pub(super) fn by_kid(&self, kid: Kid) -> Option<Arc<HeldKey>> {
        self.held.values().find(|held| held.kid == kid).cloned()
    }

    /// Whether the period with this index must be leased, or leased again, to be used.
    pub(super) fn lacks(&self, scope: Option<&Rendition>, index: i64) -> bool {
        let Some(slot) = self.schedule.slot(index) else {
            return false;
        };
        let held = self.held.get(&(self.scope(scope), slot.boundary));
        held.is_none_or(|held| matches!(held.standing, Standing::Unchecked { refused: true, .. }))
    }

    /// The key of the earliest of the `wanted` periods that was not seen served yet, `but` these
    /// not.
    pub(super) fn unchecked(&self, wanted: &Periods, but: &HashSet<Place>) -> Option<Probe> {
        let mut wanted: Vec<_> = wanted.iter().collect();
        wanted.sort_by_key(|(_, index)| *index);
        let mut probes = wanted.into_iter().filter_map(|(scope, index)| {
            let slot = self.schedule.slot(*index)?;
            let place = (self.scope(scope.as_ref()), slot.boundary);
            self.probe(place)
        });
        probes.find(|probe| !but.contains(&probe.place))
    }

    /// The key of the earliest of all periods held that was not seen served yet, `but` these not.
    pub(super) fn spare(&self, but: &HashSet<Place>) -> Option<Probe> {
        let held = self.held.iter().filter(|(place, held)| {
            matches!(held.standing, Standing::Unchecked { refused: false, .. })
                && !but.contains(*place)
        });
        let first = held.min_by_key(|(_, held)| held.index);
        first.and_then(|(place, _)| self.probe(place.clone()))
    }

    /// How many of all periods held were not seen served yet.
    pub(super) fn spares(&self) -> usize {
        let is_spare = |held: &&Arc<HeldKey>| matches!(held.standing, Standing::Unchecked { .. });
        self.held.values().filter(is_spare).count()
    }

    fn probe(&self, place: Place) -> Option<Probe> {
        let held = self.held.get(&place)?;
        match &held.standing {
            Standing::Unchecked {
                probe,
                refused: false,
            } => Some(Probe {
                place,
                uri: held.uri.clone(),
                token: probe.clone(),
            }),
            _ => None,
        }
    }

    /// Takes note that a probe was refused.
    pub(super) fn refused(&mut self, probe: &Probe) {
        let token = probe.token.clone();
        self.judge(probe, |_| Standing::Unchecked {
            probe: token,
            refused: true,
        });
    }

    /// Takes note of what a probe gave.
    pub(super) fn served(&mut self, probe: &Probe, bytes: &ContentKey) {
        self.judge(probe, |key| match key == bytes {
            true => Standing::Served,
            false => Standing::Mismatch,
        });
    }

    fn judge(&mut self, probe: &Probe, verdict: impl FnOnce(&ContentKey) -> Standing) {
        let held = self.held.get_mut(&probe.place);
        if let Some(held) = held.filter(|held| held.uri == probe.uri) {
            *held = Arc::new(HeldKey {
                index: held.index,
                kid: held.kid,
                uri: held.uri.clone(),
                key: held.key.clone(),
                standing: verdict(&held.key),
            });
        }
    }

    /// Where the last leased period of `scope` begins.
    pub(super) fn horizon(&self, scope: Option<&Rendition>) -> Option<Boundary> {
        let last = self.scheduled(scope).max_by_key(|(_, held)| held.index);
        last.map(|(boundary, _)| *boundary)
    }

    /// The periods held of `scope` that the schedule has. After a cut those of the grid before it
    /// are held on, and their indices are others' by then.
    fn scheduled(
        &self,
        scope: Option<&Rendition>,
    ) -> impl Iterator<Item = (&Boundary, &Arc<HeldKey>)> {
        let scope = self.scope(scope);
        let is_own = move |((whose, boundary), held): &(&Place, &Arc<HeldKey>)| {
            let slot = self.schedule.slot(held.index);
            *whose == scope && slot.is_some_and(|slot| slot.boundary == *boundary)
        };
        let own = self.held.iter().filter(is_own);
        own.map(|((_, boundary), held)| (boundary, held))
    }

    fn hold(&mut self, view: PeriodView, scope: Option<Rendition>) -> Result<(), LeaseError> {
        let place = (scope, Boundary::from(view.boundary));
        let kid = view.kid.0;
        let key = view.key.into_key();
        let before = self.held.get(&place).filter(|held| held.kid == kid);
        if before.is_some_and(|held| held.key != key) {
            return Err(LeaseError::Key(kid));
        }
        let delivered = matches!(view.state, StateName::Pending | StateName::Active);
        let standing = match before.map(|held| &held.standing) {
            _ if !delivered => Standing::Gone,
            Some(checked @ (Standing::Served | Standing::Mismatch)) => checked.clone(),
            _ => Standing::Unchecked {
                probe: SecretText::new(view.probe),
                refused: false,
            },
        };
        let held = HeldKey {
            index: view.index,
            kid,
            uri: view.uri,
            key,
            standing,
        };
        if self.held.insert(place.clone(), Arc::new(held)).is_none() {
            self.order.push_back(place);
        }
        if self.order.len() > MAX_HELD
            && let Some(oldest) = self.order.pop_front()
        {
            self.held.remove(&oldest);
        }
        Ok(())
    }
}

impl HeldKey {
    /// The key itself, for the cipher.
    pub(super) fn key(&self) -> &ContentKey {
        &self.key
    }
}

fn schedule(view: &ScheduleView) -> Result<Schedule, LeaseError> {
    from_eras(&view.eras)
}

fn from_eras(eras: &[EraView]) -> Result<Schedule, LeaseError> {
    let eras: Result<Vec<Era>, _> = eras.iter().map(Era::try_from).collect();
    let eras = eras.map_err(|_| LeaseError::Schedule)?;
    Schedule::from_eras(&eras).ok_or(LeaseError::Schedule)
}
