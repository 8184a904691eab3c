//! The sources that are asked, one file for each kind.
//!
//! Must not know: how often they are asked, or what is remembered.

use super::answer::{Answer, Question};
use super::http::Service;
use super::sql::Query;
use super::table;
use crate::domain::Timestamp;
use crate::outbound::OutboundError;
use crate::store::{Store, StoreError};

/// One source.
pub(super) enum Source {
    /// The store's rows.
    Table(Store),
    /// A service.
    Http(Box<Service>),
    /// A query on somebody else's database.
    Sql(Query),
    /// What a test has it say.
    #[cfg(test)]
    Script(std::sync::Arc<super::script::Script>),
}

/// Why a source gives no answer. For the log alone; no variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    /// The store, or the other database, is away.
    #[error("{}", told(.0))]
    Store(#[from] StoreError),
    /// The service cannot be reached, or does not answer.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// A column of the query's row.
    #[error("the column {0} is not there, or holds another kind of value")]
    Column(&'static str),
    /// The question cannot be written down.
    #[error("the question is none that JSON can hold")]
    Question,
    /// It does not answer 200.
    #[error("it answers {0}")]
    Status(u16),
    /// Its answer is of another sort.
    #[error("its answer is not application/json")]
    NotJson,
    /// Its answer says nothing.
    #[error("its answer is none: {{\"allow\": true or false}} is the least")]
    Rubbish,
}

impl SourceError {
    /// Whether it may go better at once: the connection broke, or the service was restarted.
    pub(super) fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Outbound(OutboundError::Unreachable(_)) | Self::Status(500..=599)
        )
    }
}

/// What the database says: to who runs it, for the log.
fn told(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

impl Source {
    /// Asks once, for as long as it takes.
    pub(super) async fn ask(
        &self,
        question: &Question<'_>,
        now: Timestamp,
    ) -> Result<Answer, SourceError> {
        match self {
            Self::Table(store) => Ok(table::ask(store, question, now).await?),
            Self::Http(service) => service.ask(question, now).await,
            Self::Sql(query) => query.ask(question).await,
            #[cfg(test)]
            Self::Script(script) => script.ask(question).await,
        }
    }
}
