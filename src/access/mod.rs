//! Who may do what: credential → scheme → entitlement → gate → permit.
//!
//! Must not know: HTTP, or a content key.

mod api_key;
mod certificate;
pub mod check;
mod config;
mod credential;
mod entitlement;
mod gate;
mod grant;
pub mod mint;
mod permit;
mod scheme;
#[cfg(test)]
pub(crate) mod testing;

pub use api_key::ApiKey;
pub use certificate::{
    CertificateConfig, CertificateFault, ClientCertificate, Fingerprint, FingerprintError,
};
pub use config::{
    AccessConfigError, Config, EntitlementConfig, EntitlementSource, GrantsConfig, ViewerConfig,
};
pub use credential::{Credential, Headers, SESSION_COOKIE, TOKEN_PARAMETER, Target};
pub use gate::Gate;
pub use grant::Grants;
pub use permit::{
    Act, Admitted, Deliver, Lease, Operate, Permit, Play, Progress, Read, Register, Rotate,
    StreamAction, Viewing,
};
pub use scheme::{
    EdgeAuthConfig, EdgeAuthFault, HashAlgorithm, HdntsConfig, JwtConfig, JwtFault, MacAlgorithm,
    SchemeConfig, SchemeFault, SchemesConfig, SecretsFault, SectionError, SecureTokenConfig,
    UrlParamsConfig, UrlParamsFault, WmsAuthConfig,
};
