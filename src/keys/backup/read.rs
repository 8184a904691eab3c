//! Reading a backup: first judged as a whole, then restored.
//!
//! Must not know: which file it is.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use crate::crypto::{KeyRing, KeyTag};
use crate::store::{Restoring, Store, StoreError};

use super::lines::{Lines, unhex};
use super::{BackupError, Contents, FORM, Head, Line, Table, Tail, signed};

/// Rows that one statement adds.
const BATCH: usize = 500;

/// Whether the backup is whole and was signed under a key of the ring. Nothing of it is believed
/// before.
pub fn check(from: impl Read, ring: &KeyRing) -> Result<Contents, BackupError> {
    judged(from, ring).map(|(contents, _)| contents)
}

/// Checks the backup and fills the store with it, all or nothing; what the store held before is
/// deleted if that is to be replaced, and else refused.
pub async fn restore(
    store: &Store,
    ring: &KeyRing,
    from: &mut (impl Read + Seek),
    replace: bool,
) -> Result<Contents, BackupError> {
    from.rewind()?;
    let (contents, digest) = judged(&mut *from, ring)?;
    let known = store.schema().await?.known.last().copied();
    if Some(contents.schema) > known {
        return Err(BackupError::Newer);
    }
    let missing = |tag: &KeyTag| !ring.tags().any(|own| own == *tag);
    let unopened: Vec<KeyTag> = contents.needs().into_iter().filter(missing).collect();
    if !unopened.is_empty() {
        return Err(BackupError::Unopened(unopened));
    }
    from.rewind()?;
    let mut restoring = match store.restore(replace).await {
        Err(StoreError::Conflict(_)) => return Err(BackupError::NotEmpty),
        begun => begun?,
    };
    // The file may have changed since it was judged: it is judged by its digest once more.
    if fill(&mut restoring, from).await? != digest {
        return Err(BackupError::Changed);
    }
    restoring.commit().await?;
    Ok(contents)
}

/// What the backup holds, and the digest of what is signed of it.
fn judged(from: impl Read, ring: &KeyRing) -> Result<(Contents, [u8; 32]), BackupError> {
    let mut lines = Lines::of(from);
    let head = head(&mut lines)?;
    let (mut rows, mut tail) = (Counts::default(), None::<Tail>);
    let mac = loop {
        let line = lines.next()?.ok_or(BackupError::Short)?;
        if line.starts_with('[') {
            rows.count();
        } else {
            match serde_json::from_str(line)? {
                Line::Table(table) => rows.begin(table.table),
                Line::Tail(found) => tail = Some(found),
                Line::Signature(signature) => break signature.mac,
                Line::Head(_) => return Err(BackupError::Changed),
            }
        }
        lines.take();
    };
    let is_last = lines.next()?.is_none();
    let tail = tail.ok_or(BackupError::Changed)?;
    let digest = lines.digest();
    let under = parsed(&tail.signed_under)?;
    let mac = unhex(&mac).filter(|mac| mac.len() == 32);
    let mac = mac.ok_or(BackupError::Changed)?;
    let is_ours = ring.verify(under, &signed(&digest), &mac)?;
    if !is_ours || !is_last || rows.of != tail.rows {
        return Err(BackupError::Changed);
    }
    Ok((contents(head, tail, under)?, digest))
}

/// Another form may have other lines, but its first one says which it is.
fn head<R: Read>(lines: &mut Lines<R>) -> Result<Head, BackupError> {
    let first = lines.next()?.ok_or(BackupError::Short)?;
    let head: Head = serde_json::from_str(first).map_err(|_| BackupError::Foreign)?;
    if head.hlskey_backup > FORM {
        return Err(BackupError::Newer);
    }
    lines.take();
    Ok(head)
}

fn contents(head: Head, tail: Tail, signed_under: KeyTag) -> Result<Contents, BackupError> {
    let named = tail.sealed_under.iter();
    let sealed_under = named.map(|(tag, keys)| Ok::<_, BackupError>((parsed(tag)?, *keys)));
    Ok(Contents {
        made: head.made,
        schema: head.schema,
        sealed_under: sealed_under.collect::<Result<_, _>>()?,
        rows: tail.rows,
        signed_under,
    })
}

fn parsed(tag: &str) -> Result<KeyTag, BackupError> {
    tag.parse().map_err(|()| BackupError::Changed)
}

/// Rows of each table.
#[derive(Default)]
struct Counts {
    of: BTreeMap<String, u64>,
    now: String,
}

impl Counts {
    fn begin(&mut self, table: String) {
        self.of.insert(table.clone(), 0);
        self.now = table;
    }

    fn count(&mut self) {
        *self.of.entry(self.now.clone()).or_default() += 1;
    }
}

/// Adds every row; gives the digest of the lines.
async fn fill(restoring: &mut Restoring, from: impl Read) -> Result<[u8; 32], BackupError> {
    let mut lines = Lines::of(from);
    let mut batch = Batch::default();
    while let Some(line) = lines.next()? {
        if line.starts_with('[') {
            batch.push(line);
            if batch.rows >= BATCH {
                batch.add(restoring).await?;
            }
        } else {
            batch.add(restoring).await?;
            match serde_json::from_str(line)? {
                Line::Signature(_) => return Ok(lines.digest()),
                Line::Table(table) => begin(restoring, &table).await?,
                Line::Head(_) | Line::Tail(_) => {}
            }
        }
        lines.take();
    }
    Err(BackupError::Short)
}

async fn begin(restoring: &mut Restoring, table: &Table) -> Result<(), BackupError> {
    match restoring.table(&table.table, &table.columns).await? {
        true => Ok(()),
        false => Err(BackupError::Newer),
    }
}

/// Rows on their way, as one JSON array.
#[derive(Default)]
struct Batch {
    text: String,
    rows: usize,
}

impl Batch {
    fn push(&mut self, row: &str) {
        self.text.push(if self.rows == 0 { '[' } else { ',' });
        self.text.push_str(row);
        self.rows += 1;
    }

    async fn add(&mut self, restoring: &mut Restoring) -> Result<(), BackupError> {
        if self.rows > 0 {
            self.text.push(']');
            restoring.add(&self.text).await?;
        }
        *self = Self::default();
        Ok(())
    }
}
