//! Logs go to standard error, as text for a person or JSON for a collector.
//!
//! Must not know: requests. What is logged holds route templates, never queries or headers.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

/// `[log]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `"text"` (default) or `"json"`.
    pub format: LogFormat,
    /// What is logged, as `tracing` filters are written: `"info,hlskey::access=debug"`. Default: `info`, without actix's start-up lines.
    pub filter: String,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For a person.
    #[default]
    Text,
    /// For a collector.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info,actix_server=warn".to_owned(),
        }
    }
}

/// The filter is not one that `tracing` reads.
#[derive(Debug, thiserror::Error)]
#[error("log.filter: {0}")]
pub struct LogFilterError(#[from] tracing_subscriber::filter::ParseError);

/// Starts logging; a second call in one process changes nothing.
pub fn init_logging(config: &LogConfig) -> Result<(), LogFilterError> {
    let filter = EnvFilter::try_new(&config.filter)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match config.format {
        LogFormat::Text => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was already started");
    }
    Ok(())
}
