//! TLS 1.2 and 1.3 by rustls on aws-lc: certificate, tickets, protocol versions, and whose
//! certificates are asked for.
//!
//! Must not know: HTTP.

mod clients;
mod files;
mod renew;
mod terms;

use std::io;
use std::path::PathBuf;

use rustls::server::VerifierBuilderError;

pub(super) use clients::{Shown, TlsStream, shown};
pub use files::PemFault;
pub(super) use files::{ClientFiles, Files};
pub(super) use renew::{Certificates, check, hangups, renew};

use crate::domain::Timestamp;

/// Why TLS cannot start, or goes on with what it had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A directory, a pipe, a device.
    #[error("{0} is no regular file")]
    NotAFile(PathBuf),
    /// A private key that anybody on the machine may read.
    #[error("{0} is open to others: chmod 600 {0}")]
    Exposed(PathBuf),
    /// A file is longer than any of its kind should be.
    #[error("{path} has more than {most} MiB")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// What it may have, in MiB.
        most: u64,
    },
    /// A file is not PEM, or holds nothing of what it should.
    #[error("{path}: {source}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PemFault,
    },
    /// Certificate and private key do not belong together, or are of no kind we can use.
    #[error("{path}: {source}")]
    Certificate {
        /// The certificate's file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The certificate's dates cannot be read.
    #[error("{0}: the certificate's form is not X.509")]
    Form(PathBuf),
    /// The certificate's time has not come or is over.
    #[error("{path}: the certificate is good from {not_before} to {not_after}, which is not now")]
    Time {
        /// The certificate's file.
        path: PathBuf,
        /// Its first instant.
        not_before: Timestamp,
        /// Its last one.
        not_after: Timestamp,
    },
    /// An authority or a list of the revoked is of no use.
    #[error("{path}: {source}")]
    ClientCa {
        /// The authorities' file.
        path: PathBuf,
        /// What is wrong with it or with the list.
        source: VerifierBuilderError,
    },
    /// The cryptographic provider refuses to start.
    #[error("TLS: {0}")]
    Provider(#[from] rustls::Error),
}
