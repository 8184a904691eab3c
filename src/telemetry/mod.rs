//! Logs, metrics and shutdown, shared by server and encryptor.
//!
//! Must not know: what a measure means; it holds no domain rule.

mod logging;
mod metrics;
mod shutdown;

pub use logging::{LogConfig, LogFormat, init_logging};
pub use metrics::{DenialLabels, Metrics, RequestLabels, RouteLabels};
pub use shutdown::shutdown_signal;
