//! Logs, metrics, the service manager and shutdown, shared by server and encryptor.
//!
//! Must not know: what a measure means; it holds no domain rule.

mod audit;
mod channels;
mod entitlement;
mod latency;
mod listener;
mod live;
mod logging;
mod metrics;
mod service;
mod shutdown;
mod store;

pub use audit::AuditMeasures;
pub use channels::{ChannelSample, render_channels};
pub use entitlement::{EntitlementMeasures, OutcomeLabels};
pub use latency::Latency;
pub use listener::{ListenerMeasures, Turned};
pub use live::{LiveMeasures, Refused};
pub use logging::{LogConfig, LogFormat, init_logging};
pub use metrics::{DenialLabels, Metrics, RequestLabels, RouteLabels, RouteMeasures};
pub use service::{service_ready, service_stopping};
pub use shutdown::shutdown_signal;
pub use store::StoreMeasures;
