//! The source `sql`: a query on the customer's own database. No row is a no.
//!
//! Must not know: which database it is.

use std::time::Duration;

use super::answer::{Answer, Question};
use super::source::SourceError;
use crate::store::{Cell, ForeignConfig, ForeignFault, ForeignQuery, ForeignRow};

/// What the query may use, as `:name`; the first it must.
pub(super) const NAMES: [&str; 5] = ["viewer", "stream", "scheme", "session", "ip"];

/// The query.
pub(super) struct Query(ForeignQuery);

impl Query {
    pub(super) fn open(config: &ForeignConfig, patience: Duration) -> Result<Self, ForeignFault> {
        ForeignQuery::open(config, &NAMES, patience).map(Self)
    }

    pub(super) async fn ask(&self, question: &Question<'_>) -> Result<Answer, SourceError> {
        let ip = question.ip.map(|ip| ip.to_string());
        let values = [
            Some(question.viewer),
            Some(question.stream.as_str()),
            Some(question.scheme),
            Some(question.session),
            ip.as_deref(),
        ];
        let row = self.0.first(&values).await?;
        row.map_or(Ok(Answer::NO), |row| answer(&row))
    }
}

fn answer(row: &ForeignRow) -> Result<Answer, SourceError> {
    let allow = match row.cell("allow") {
        Some(Cell::Bool(allow)) => allow,
        Some(Cell::Integer(number @ (0 | 1))) => number == 1,
        Some(Cell::Null) => false,
        _ => return Err(SourceError::Column("allow")),
    };
    if !allow {
        // A no is a no, whatever the other columns hold.
        let ttl = number(row, "ttl").ok().flatten();
        return Ok(Answer {
            ttl: ttl.map(Duration::from_secs),
            ..Answer::NO
        });
    }
    let max_sessions = number(row, "max_sessions")?.map(u32::try_from).transpose();
    let max_sessions = max_sessions.map_err(|_| SourceError::Column("max_sessions"))?;
    Ok(Answer {
        allow: max_sessions != Some(0),
        ttl: number(row, "ttl")?.map(Duration::from_secs),
        ends: None,
        max_sessions: max_sessions.filter(|most| *most > 0),
    })
}

/// A column that need not be there.
fn number(row: &ForeignRow, name: &'static str) -> Result<Option<u64>, SourceError> {
    match row.cell(name) {
        None | Some(Cell::Null) => Ok(None),
        Some(Cell::Integer(number)) => {
            let number = u64::try_from(number);
            number.map(Some).map_err(|_| SourceError::Column(name))
        }
        Some(_) => Err(SourceError::Column(name)),
    }
}
