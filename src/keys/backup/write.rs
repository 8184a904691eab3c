//! Writing a backup.
//!
//! Must not know: where it goes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::crypto::{KeyRing, KeyTag, Sha256, hex_of};
use crate::domain::Timestamp;
use crate::store::Store;

use super::{BackupError, Contents, FORM, Head, Line, Signature, Table, Tail, signed};

/// Writes the store as it is at one moment, whatever its servers do meanwhile.
pub async fn backup(
    store: &Store,
    ring: &KeyRing,
    now: Timestamp,
    to: &mut (dyn Write + Send),
) -> Result<Contents, BackupError> {
    let mut out = Hashed::new(to);
    let schema = store.schema().await?.applied.last().copied();
    let mut snapshot = store.snapshot().await?;
    let mut contents = Contents {
        made: now.to_string(),
        schema: schema.unwrap_or_default(),
        rows: BTreeMap::new(),
        sealed_under: Vec::new(),
        signed_under: ring.sealing(),
    };
    out.line(&Line::Head(Head {
        hlskey_backup: FORM,
        schema: contents.schema,
        made: contents.made.clone(),
    }))?;
    for table in snapshot.tables().await? {
        let columns = table.columns().map(str::to_owned).collect();
        let name = table.name.to_owned();
        out.line(&Line::Table(Table {
            table: name.clone(),
            columns,
        }))?;
        let mut count = 0;
        let mut each = |row: &str| {
            count += 1;
            out.text(row).map_err(BackupError::from)
        };
        snapshot.rows(&table, &mut each).await?;
        contents.rows.insert(name, count);
    }
    let under = snapshot.sealed_under().await?;
    let named = under
        .iter()
        .filter_map(|under| Some((under.tag?, under.keys)));
    contents.sealed_under = named.collect();
    out.line(&Line::Tail(tail(&contents)))?;
    out.sign(ring)?;
    Ok(contents)
}

fn tail(contents: &Contents) -> Tail {
    let text = |(tag, keys): &(KeyTag, u64)| (tag.to_string(), *keys);
    Tail {
        rows: contents.rows.clone(),
        sealed_under: contents.sealed_under.iter().map(text).collect(),
        signed_under: contents.signed_under.to_string(),
    }
}

/// Lines, and the digest of them all.
struct Hashed<'w> {
    to: io::BufWriter<&'w mut (dyn Write + Send)>,
    digest: Sha256,
}

impl<'w> Hashed<'w> {
    fn new(to: &'w mut (dyn Write + Send)) -> Self {
        Self {
            to: io::BufWriter::new(to),
            digest: Sha256::default(),
        }
    }

    fn line(&mut self, line: &Line) -> Result<(), BackupError> {
        let text = serde_json::to_string(line)?;
        Ok(self.text(&text)?)
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        for piece in [text.as_bytes(), b"\n"] {
            self.digest.update(piece);
            self.to.write_all(piece)?;
        }
        Ok(())
    }

    fn sign(mut self, ring: &KeyRing) -> Result<(), BackupError> {
        let digest = std::mem::take(&mut self.digest).finish();
        let mac = hex_of(&ring.sign(&signed(&digest)));
        self.line(&Line::Signature(Signature { mac }))?;
        Ok(self.to.flush()?)
    }
}
