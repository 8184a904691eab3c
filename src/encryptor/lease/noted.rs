//! A lease as it is noted between runs: the keys apart, so that nothing else is a secret.
//!
//! Must not know: where it is noted, how it is sealed.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{HeldKey, Lease, Place, Standing, from_eras};
use crate::api::{BoundarySpec, EraView, IvSpec, KeyScopeSpec, Text};
use crate::crypto::{ContentKey, SecretText};
use crate::domain::{IvRule, KeyScope, Kid, Rendition};

/// A lease without its keys.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::encryptor) struct NotedLease {
    version: u64,
    key_scope: KeyScopeSpec,
    iv: IvSpec,
    eras: Vec<EraView>,
    periods: Vec<NotedPeriod>,
}

/// One leased period without its key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NotedPeriod {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rendition: Option<Text<Rendition>>,
    boundary: BoundarySpec,
    index: i64,
    kid: Text<Kid>,
    uri: String,
    standing: NotedStanding,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NotedStanding {
    Unchecked,
    Served,
    Mismatch,
    Gone,
}

/// The bytes of one key.
const KEY: usize = 16;
/// The most periods that are noted, the last leased ones.
const MAX_NOTED: usize = 8192;

impl Lease {
    /// To be noted, from the period with index `from` on; the keys in the periods' order.
    pub(in crate::encryptor) fn noted(
        &self,
        from: Option<i64>,
    ) -> (NotedLease, Zeroizing<Vec<u8>>) {
        let held = self
            .order
            .iter()
            .rev()
            .filter_map(|place| Some((place, self.held.get(place)?)));
        let wanted = held.filter(|(_, held)| from.is_none_or(|from| held.index >= from));
        let mut noted: Vec<_> = wanted.take(MAX_NOTED).collect();
        noted.reverse();
        // as much as is needed, so that no copy is left behind
        let mut keys = Zeroizing::new(Vec::with_capacity(noted.len() * KEY));
        for (_, held) in &noted {
            keys.extend_from_slice(held.key.expose());
        }
        let lease = NotedLease {
            version: self.version,
            key_scope: self.key_scope.into(),
            iv: self.iv.into(),
            eras: self.schedule.eras().map(Into::into).collect(),
            periods: noted
                .into_iter()
                .map(|(place, held)| period(place, held))
                .collect(),
        };
        (lease, keys)
    }

    /// The lease that was noted with these keys; `None` if the two do not make one.
    pub(in crate::encryptor) fn from_noted(noted: NotedLease, keys: &[u8]) -> Option<Self> {
        if keys.len() != noted.periods.len() * KEY {
            return None;
        }
        let mut lease = Self {
            version: noted.version,
            key_scope: match noted.key_scope {
                KeyScopeSpec::Stream => KeyScope::Stream,
                KeyScopeSpec::Rendition => KeyScope::Rendition,
            },
            iv: match noted.iv {
                IvSpec::Explicit => IvRule::Explicit,
                IvSpec::Sequence => IvRule::Sequence,
            },
            schedule: from_eras(&noted.eras).ok()?,
            held: HashMap::new(),
            order: VecDeque::new(),
            is_restored: true,
        };
        for (period, key) in noted.periods.into_iter().zip(keys.chunks(KEY)) {
            let (place, held) = held(period, ContentKey::from_slice(key)?);
            lease.order.push_back(place.clone());
            lease.held.insert(place, Arc::new(held));
        }
        Some(lease)
    }

    /// How many periods are held.
    pub(in crate::encryptor) fn len(&self) -> usize {
        self.held.len()
    }
}

fn period((rendition, boundary): &Place, held: &HeldKey) -> NotedPeriod {
    NotedPeriod {
        rendition: rendition.clone().map(Text),
        boundary: (*boundary).into(),
        index: held.index,
        kid: Text(held.kid),
        uri: held.uri.clone(),
        standing: match held.standing {
            Standing::Unchecked { .. } => NotedStanding::Unchecked,
            Standing::Served => NotedStanding::Served,
            Standing::Mismatch => NotedStanding::Mismatch,
            Standing::Gone => NotedStanding::Gone,
        },
    }
}

fn held(noted: NotedPeriod, key: ContentKey) -> (Place, HeldKey) {
    let place = (
        noted.rendition.map(|Text(name)| name),
        noted.boundary.into(),
    );
    let standing = match noted.standing {
        // Probes are not noted: the server gives another one with the lease.
        NotedStanding::Unchecked => Standing::Unchecked {
            probe: SecretText::new(String::new()),
            refused: true,
        },
        NotedStanding::Served => Standing::Served,
        NotedStanding::Mismatch => Standing::Mismatch,
        NotedStanding::Gone => Standing::Gone,
    };
    let held = HeldKey {
        index: noted.index,
        kid: noted.kid.0,
        uri: noted.uri,
        key,
        standing,
    };
    (place, held)
}
