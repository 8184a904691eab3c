//! Looking at the whole trail: is each row there, as it was written?
//!
//! The first fault of each chain is told; behind it nothing can be said. Must not know: how it is
//! shown.

use std::collections::HashMap;

use super::chain::{NOTHING, Signature, digest, link, signature};
use super::named::Named;
use crate::crypto::KeyRing;
use crate::domain::Timestamp;
use crate::store::{AuditCheckpoint, AuditHead, AuditMark, AuditRow, Snapshot, Store, StoreError};

/// Rows or checkpoints that are read at once.
const PAGE: i64 = 1000;

/// What the trail holds, and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct AuditReport {
    /// Rows that are as they were written.
    pub rows: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// The chains, the oldest first.
    pub chains: Vec<AuditChain>,
    /// What is wrong.
    pub faults: Vec<AuditFault>,
}

/// One chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditChain {
    /// Its name.
    pub chain: String,
    /// When its server started.
    pub began: Timestamp,
    /// When its head was made.
    pub at: Timestamp,
    /// The first row that is kept; one past the last if none is.
    pub first: i64,
    /// Its last row.
    pub last: i64,
    /// Whether its server stopped well. If not, it still runs or was killed.
    pub ended: bool,
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFault {
    /// In this chain; `None`: in the checkpoints.
    pub chain: Option<String>,
    /// At this row, or this checkpoint.
    pub at: Option<i64>,
    /// What it is.
    pub what: AuditWrong,
}

/// What may be wrong with a trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditWrong {
    /// A row does not follow from the one before.
    Altered,
    /// A row between others is not there.
    Missing,
    /// The chain's end is not there.
    CutOff,
    /// A row that the chain never had.
    Inserted,
    /// The chain's head was not signed by us, or is of other rows.
    ForeignHead,
    /// A chain has rows and no head.
    NoHead,
    /// The key that signed is not configured.
    UnknownKey,
    /// What says that old rows were taken away was not signed by us.
    ForeignMark,
    /// A checkpoint was not signed by us, or is not the one that the next one follows.
    ForeignCheckpoint,
    /// A checkpoint is not there.
    MissingCheckpoint,
}

impl AuditWrong {
    /// A word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Missing => "missing",
            Self::CutOff => "cut_off",
            Self::Inserted => "inserted",
            Self::ForeignHead => "foreign_head",
            Self::NoHead => "no_head",
            Self::UnknownKey => "unknown_key",
            Self::ForeignMark => "foreign_mark",
            Self::ForeignCheckpoint => "foreign_checkpoint",
            Self::MissingCheckpoint => "missing_checkpoint",
        }
    }

    /// What it means.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Altered => "altered: it, or the row before it, is not as it was written",
            Self::Missing => "missing: the rows after it are there",
            Self::CutOff => "cut off: the chain went on from here, and its end is not there",
            Self::Inserted => "inserted: the chain never had this row",
            Self::ForeignHead => {
                "the head was not signed with a key of this store, or other rows were"
            }
            Self::NoHead => "the chain has rows and no head",
            Self::UnknownKey => "it was signed under a master key that is not in keys.master_keys",
            Self::ForeignMark => "what says that old rows were taken away was not signed by us",
            Self::ForeignCheckpoint => {
                "the checkpoint is altered, or was not signed with a key of this store"
            }
            Self::MissingCheckpoint => "the checkpoint is missing",
        }
    }
}

/// Reads every row as of one moment. An error only if the store cannot be read at all.
pub async fn verify(store: &Store, ring: &KeyRing) -> Result<AuditReport, StoreError> {
    let mut look = Look {
        on: store.snapshot().await?,
        ring,
        named: Named::default(),
        report: AuditReport::default(),
    };
    look.checkpoints().await?;
    look.chains().await?;
    Ok(look.report)
}

/// What a checkpoint says of the one before it.
struct Bound {
    number: i64,
    digest: Vec<u8>,
    /// The first checkpoint that is kept, as the last one has it.
    first: i64,
}

struct Look<'a> {
    on: Snapshot,
    ring: &'a KeyRing,
    named: Named,
    report: AuditReport,
}

impl Look<'_> {
    fn fault(&mut self, chain: Option<&str>, at: Option<i64>, what: AuditWrong) {
        let chain = chain.map(str::to_owned);
        self.report.faults.push(AuditFault { chain, at, what });
    }

    /// From the last checkpoint back to the first that is kept. Each vouches for the one before, so a
    /// key that is gone is no fault in those.
    async fn checkpoints(&mut self) -> Result<(), StoreError> {
        let (mut before, mut bound) = (i64::MAX, None);
        loop {
            let page = self.on.audit_checkpoints(before, PAGE).await?;
            let Some(last) = page.last() else { break };
            before = last.number;
            for checkpoint in &page {
                match self.checkpoint(checkpoint, bound.as_ref()) {
                    Ok(next) => bound = Some(next),
                    Err((number, what)) => {
                        self.fault(None, Some(number), what);
                        return Ok(());
                    }
                }
            }
        }
        if let Some(Bound { number, first, .. }) = bound
            && number >= first
        {
            self.fault(None, Some(number), AuditWrong::MissingCheckpoint);
        }
        Ok(())
    }

    /// Takes one in, and gives what the one before it must be.
    fn checkpoint(
        &mut self,
        checkpoint: &AuditCheckpoint,
        bound: Option<&Bound>,
    ) -> Result<Bound, (i64, AuditWrong)> {
        let number = checkpoint.number;
        let expected = bound.map_or(number, |bound| bound.number);
        if number != expected {
            return Err((expected, AuditWrong::MissingCheckpoint));
        }
        let is_followed = bound.map(|bound| bound.digest == digest(checkpoint));
        match (signature(checkpoint, self.ring), is_followed) {
            (Signature::Wrong, _) | (_, Some(false)) => {
                return Err((number, AuditWrong::ForeignCheckpoint));
            }
            (Signature::UnknownKey, None) => return Err((number, AuditWrong::UnknownKey)),
            (Signature::Ours, _) | (Signature::UnknownKey, Some(true)) => {}
        }
        if !self.named.take(&checkpoint.heads) {
            return Err((number, AuditWrong::ForeignCheckpoint));
        }
        self.report.checkpoints += 1;
        Ok(Bound {
            number: number - 1,
            digest: checkpoint.previous.clone(),
            first: bound.map_or(checkpoint.first, |bound| bound.first),
        })
    }

    async fn chains(&mut self) -> Result<(), StoreError> {
        let mut marks = HashMap::new();
        for mark in self.on.audit_marks().await? {
            marks.insert(mark.chain.clone(), mark);
        }
        let heads = self.on.audit_heads().await?;
        let mut absent: Vec<String> = self.named.chains().map(str::to_owned).collect();
        absent.retain(|chain| heads.iter().all(|head| head.chain != *chain));
        absent.sort();
        for head in heads {
            let mark = marks.remove(&head.chain);
            self.chain(&head, mark.as_ref()).await?;
        }
        for chain in absent {
            self.fault(Some(&chain), Some(1), AuditWrong::CutOff);
        }
        for chain in self.on.headless_audit_chains().await? {
            self.fault(Some(&chain), None, AuditWrong::NoHead);
        }
        Ok(())
    }

    async fn chain(
        &mut self,
        head: &AuditHead,
        mark: Option<&AuditMark>,
    ) -> Result<(), StoreError> {
        let chain = head.chain.as_str();
        if let Some(mark) = mark
            && signature(mark, self.ring) != Signature::Ours
        {
            self.fault(Some(chain), Some(mark.seq), AuditWrong::ForeignMark);
            return Ok(());
        }
        let is_named = self.named.has(chain, head.seq, &head.hash) == Some(true);
        let foreign = match signature(head, self.ring) {
            Signature::Ours => None,
            Signature::UnknownKey if is_named => None,
            Signature::UnknownKey => Some(AuditWrong::UnknownKey),
            Signature::Wrong => Some(AuditWrong::ForeignHead),
        };
        if let Some(what) = foreign {
            self.fault(Some(chain), Some(head.seq), what);
        }
        let mut walk = Walk::after(mark);
        let first = walk.seq + 1;
        match self.walk(head, &mut walk).await? {
            Some((at, what)) => self.fault(Some(chain), Some(at), what),
            None => self.report.chains.push(AuditChain {
                chain: chain.to_owned(),
                began: Timestamp::from_millis(head.began),
                at: Timestamp::from_millis(head.at),
                first,
                last: head.seq,
                ended: head.ended == 1,
            }),
        }
        Ok(())
    }

    /// Every row of a chain up to the first that is wrong.
    async fn walk(
        &mut self,
        head: &AuditHead,
        walk: &mut Walk,
    ) -> Result<Option<(i64, AuditWrong)>, StoreError> {
        let (chain, mut read) = (head.chain.as_str(), i64::MIN);
        loop {
            let page = self.on.audit_rows(chain, read, PAGE).await?;
            let Some(last) = page.last() else { break };
            read = last.seq;
            for row in &page {
                if let Err(what) = walk.step(row, head.seq, &self.named) {
                    return Ok(Some((row.seq.min(walk.seq + 1), what)));
                }
                self.report.rows += 1;
            }
        }
        let end = head.seq.max(self.named.last(chain));
        Ok(match () {
            () if walk.seq < end => Some((walk.seq + 1, AuditWrong::CutOff)),
            () if walk.hash != head.hash => Some((head.seq, AuditWrong::ForeignHead)),
            () => None,
        })
    }
}

/// How far a look at a chain has come.
pub(super) struct Walk {
    pub(super) seq: i64,
    pub(super) hash: Vec<u8>,
}

impl Walk {
    /// Past what was taken away.
    pub(super) fn after(mark: Option<&AuditMark>) -> Self {
        match mark {
            Some(mark) => Self {
                seq: mark.seq,
                hash: mark.hash.clone(),
            },
            None => Self {
                seq: 0,
                hash: NOTHING.to_vec(),
            },
        }
    }

    /// Takes the next row, if it is the one that follows.
    fn step(&mut self, row: &AuditRow, last: i64, named: &Named) -> Result<(), AuditWrong> {
        if row.seq <= self.seq || row.seq > last.max(named.last(&row.chain)) {
            return Err(AuditWrong::Inserted);
        }
        self.follow(row)?;
        match named.has(&row.chain, row.seq, &row.hash) {
            Some(false) => Err(AuditWrong::Altered),
            _ => Ok(()),
        }
    }

    /// The same of a row whose chain is known to go on.
    pub(super) fn follow(&mut self, row: &AuditRow) -> Result<(), AuditWrong> {
        if row.seq != self.seq + 1 {
            return Err(AuditWrong::Missing);
        }
        let hash = link(&row.chain, row.seq, &row.entry, &self.hash);
        if row.hash != hash {
            return Err(AuditWrong::Altered);
        }
        (self.seq, self.hash) = (row.seq, row.hash.clone());
        Ok(())
    }
}
