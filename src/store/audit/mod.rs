//! The audit trail: rows in chains, the chains' heads, checkpoints of the heads.
//!
//! Rows come and go here and are never changed. Must not know: what makes a hash or a signature
//! right; whoever reads judges, so nothing read is refused for its form.

mod prune;
mod read;
mod search;

use crate::crypto::hex_of;
use crate::domain::Timestamp;

use super::link::{Link, Tx, execute, fetch_optional, statement, try_execute};
use super::postgres::bounded;
use super::{Lock, Store, StoreError};

pub use search::{AuditCursor, AuditFilter};

/// What one row says; texts are empty where there is nothing to say.
#[derive(Debug, Clone, PartialEq, Eq, Default, sqlx::FromRow)]
pub struct AuditEntry {
    /// When it was, in milliseconds since the epoch; of an aggregate, when it began.
    pub time: i64,
    /// `refused`, `delivered` or `changed`.
    pub kind: String,
    /// The request's id; of an aggregate, its first request's.
    pub request_id: String,
    /// What was asked for or done.
    pub action: String,
    /// Why, a word for programs.
    pub reason: String,
    /// The scheme that vouched.
    pub scheme: String,
    /// The viewer, or the credential's name.
    pub viewer: String,
    /// The session, by a name that is no secret.
    pub session: String,
    /// The token, by a name that is no secret.
    pub token: String,
    /// The stream.
    pub stream: String,
    /// The key.
    pub kid: String,
    /// The client's address.
    pub ip: String,
    /// The policy that decided.
    pub policy: String,
    /// How many times.
    pub count: i64,
    /// More, as JSON; empty if there is none.
    pub detail: String,
}

/// A row in its chain.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AuditRow {
    /// The chain.
    pub chain: String,
    /// Its number there, from 1.
    pub seq: i64,
    /// What it says.
    #[sqlx(flatten)]
    pub entry: AuditEntry,
    /// What binds it to the row before.
    pub hash: Vec<u8>,
}

/// How far a chain goes.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AuditHead {
    /// The chain.
    pub chain: String,
    /// When its server started, or the first of the commands ran, in milliseconds since the epoch.
    pub began: i64,
    /// The number of its last row.
    pub seq: i64,
    /// That row's hash.
    pub hash: Vec<u8>,
    /// When this head was made.
    pub at: i64,
    /// 1 if its server stopped well and nothing may follow, else 0.
    pub ended: i64,
    /// The tag of the master key that signed.
    pub signer: String,
    /// The signature.
    pub mac: Vec<u8>,
}

/// Chains' heads together, bound to the checkpoint before.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AuditCheckpoint {
    /// Its number, from 1.
    pub number: i64,
    /// When it was made, in milliseconds since the epoch.
    pub at: i64,
    /// The first checkpoint that is kept.
    pub first: i64,
    /// A line for each head.
    pub heads: String,
    /// The digest of the checkpoint before.
    pub previous: Vec<u8>,
    /// The tag of the master key that signed.
    pub signer: String,
    /// The signature.
    pub mac: Vec<u8>,
}

/// Up to which row a chain was taken away since its rows were old.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AuditMark {
    /// The chain.
    pub chain: String,
    /// The last row that is gone.
    pub seq: i64,
    /// That row's hash.
    pub hash: Vec<u8>,
    /// The tag of the master key that signed.
    pub signer: String,
    /// The signature.
    pub mac: Vec<u8>,
}

/// One insertion for a whole batch: a JSON array of arrays, hashes in hexadecimal digits.
const INSERT_SQLITE: &str = "INSERT INTO audit (chain, seq, time, kind, request_id, action, reason,
        scheme, viewer, session, token, stream, kid, ip, policy, count, detail, hash)
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
        value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11,
        value ->> 12, value ->> 13, value ->> 14, value ->> 15, value ->> 16,
        unhex(value ->> 17)
     FROM json_each($1)";
const INSERT_POSTGRES: &str = "INSERT INTO audit (chain, seq, time, kind, request_id, action,
        reason, scheme, viewer, session, token, stream, kid, ip, policy, count, detail, hash)
     SELECT r ->> 0, (r ->> 1)::bigint, (r ->> 2)::bigint, r ->> 3, r ->> 4, r ->> 5, r ->> 6,
        r ->> 7, r ->> 8, r ->> 9, r ->> 10, r ->> 11, r ->> 12, r ->> 13, r ->> 14,
        (r ->> 15)::bigint, r ->> 16, decode(r ->> 17, 'hex')
     FROM json_array_elements($1::json) AS rows (r)";

impl Store {
    /// Adds `rows`, which follow row `after` of the head's chain, and moves the head, both or
    /// neither. Asked again with the same it changes nothing, since whoever lost the answer asks
    /// again. `false`: the chain goes on otherwise, and nothing was done.
    pub async fn append_audit(
        &self,
        head: &AuditHead,
        after: i64,
        rows: &[AuditRow],
    ) -> Result<bool, StoreError> {
        let mut on = self.write(Lock::Rows).await?;
        let known = fetch_optional!(
            on,
            (i64, Vec<u8>, i64),
            "SELECT seq, hash, ended FROM audit_chains WHERE chain = $1",
            head.chain.as_str()
        )?;
        let (seq, hash, ended) = known.unwrap_or_default();
        if (seq, &hash, ended) == (head.seq, &head.hash, head.ended) {
            return Ok(true);
        }
        if seq != after || ended != 0 {
            return Ok(false);
        }
        if !rows.is_empty() {
            insert(&mut on, rows).await?;
        }
        execute!(
            on,
            "INSERT INTO audit_chains (chain, began, seq, hash, at, ended, signer, mac)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash,
                 at = excluded.at, ended = excluded.ended, signer = excluded.signer,
                 mac = excluded.mac",
            head.chain.as_str(),
            head.began,
            head.seq,
            head.hash.as_slice(),
            head.at,
            head.ended,
            head.signer.as_str(),
            head.mac.as_slice()
        )?;
        on.commit().await?;
        Ok(true)
    }

    /// Adds a checkpoint, and takes away those before its `first`. `false`: another one has that
    /// number, and nothing was done.
    pub async fn add_audit_checkpoint(
        &self,
        checkpoint: &AuditCheckpoint,
    ) -> Result<bool, StoreError> {
        let mut on = self.write(Lock::Rows).await?;
        let added = try_execute!(
            on,
            "INSERT INTO audit_checkpoints (number, at, first, heads, previous, signer, mac)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (number) DO NOTHING",
            checkpoint.number,
            checkpoint.at,
            checkpoint.first,
            checkpoint.heads.as_str(),
            checkpoint.previous.as_slice(),
            checkpoint.signer.as_str(),
            checkpoint.mac.as_slice()
        )?;
        if added == 0 {
            return Ok(false);
        }
        execute!(
            on,
            "DELETE FROM audit_checkpoints WHERE number < $1",
            checkpoint.first
        )?;
        on.commit().await?;
        Ok(true)
    }

    /// The last checkpoint.
    pub async fn last_audit_checkpoint(&self) -> Result<Option<AuditCheckpoint>, StoreError> {
        let mut on = self.read().await?;
        fetch_optional!(
            on,
            AuditCheckpoint,
            "SELECT number, at, first, heads, previous, signer, mac FROM audit_checkpoints
             ORDER BY number DESC LIMIT 1"
        )
    }

    /// The first checkpoint that was made at `time` or later.
    pub async fn first_audit_checkpoint(&self, time: Timestamp) -> Result<Option<i64>, StoreError> {
        let mut on = self.read().await?;
        let (number,) = fetch_optional!(
            on,
            (Option<i64>,),
            "SELECT min(number) FROM audit_checkpoints WHERE at >= $1",
            time.millis()
        )?
        .unwrap_or_default();
        Ok(number)
    }
}

async fn insert(on: &mut Tx, rows: &[AuditRow]) -> Result<(), StoreError> {
    let json = json(rows);
    match on.link() {
        Link::Sqlite(on) => {
            statement!(sqlx::query, INSERT_SQLITE, json.as_str())
                .execute(on)
                .await?;
        }
        Link::Postgres(on) => {
            let query = statement!(sqlx::query, INSERT_POSTGRES, json.as_str());
            bounded(query.execute(on)).await?;
        }
    }
    Ok(())
}

fn json(rows: &[AuditRow]) -> String {
    let row = |row: &AuditRow| {
        let entry = &row.entry;
        let hash = hex_of(&row.hash);
        serde_json::json!([
            row.chain,
            row.seq,
            entry.time,
            entry.kind,
            entry.request_id,
            entry.action,
            entry.reason,
            entry.scheme,
            entry.viewer,
            entry.session,
            entry.token,
            entry.stream,
            entry.kid,
            entry.ip,
            entry.policy,
            entry.count,
            entry.detail,
            hash
        ])
    };
    serde_json::Value::from_iter(rows.iter().map(row)).to_string()
}

#[cfg(test)]
mod tests;
