//! Who may do what: credential → scheme → entitlement → gate → permit.
//!
//! Must not know: HTTP, or a content key.

mod api_key;
pub mod audit;
mod certificate;
pub mod check;
mod config;
mod credential;
mod enrolment;
mod entitlement;
mod fields;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod gate;
mod grant;
mod heed;
mod live;
pub mod mint;
pub mod password;
mod permit;
mod policy;
mod position;
mod revocation;
mod revoke;
mod ring;
mod scheme;
mod session;
#[cfg(test)]
pub(crate) mod testing;
mod users;
mod uses;

pub use crate::store::{Maker, RevocationRow};
pub use api_key::ApiKey;
pub use certificate::{
    CertificateConfig, CertificateFault, ClientCertificate, Fingerprint, FingerprintError, Whose,
    WhoseError,
};
pub use config::{AccessConfigError, Config, GrantsConfig};
pub use credential::{Credential, Headers, SESSION_COOKIE, TOKEN_PARAMETER, Target, Way, shows};
pub use enrolment::{Enrolment, EnrolmentError};
pub use entitlement::{
    BoundsConfig, CacheConfig, EntitlementConfig, EntitlementFault, EntitlementSource,
    HttpSourceConfig, Roster, RosterError, SIGNATURE_HEADER, ViewerConfig, entitlement_rows,
};
pub use gate::{Caller, Gate, Sending};
pub use grant::Grants;
pub use live::{Listing, Live, Survey};
pub use permit::{
    Act, Admitted, Deliver, Lease, Operate, Oversee, Permit, Play, Progress, Publish, Read,
    Register, Rotate, Seek, StreamAction, Viewing,
};
pub use policy::{BindIp, LimitKind, Page, PageError, PolicyConfig, PolicyFault};
pub use revoke::{Revocation, RevokeError, write as write_revocation};
pub use scheme::digest::{Ha1Fault, advice as digest_advice, ha1_place, seal_ha1};
pub use scheme::path_token;
pub use scheme::{
    CatAlgorithm, CatConfig, CatFault, CatKeyConfig, ClaimKey, ClaimValue, EdgeAuthConfig,
    EdgeAuthFault, GroupsConfig, GroupsFault, HashAlgorithm, HdntsConfig, JwtConfig, JwtFault,
    KeyConfig, LongLived, MacAlgorithm, Members, Renewed, RenewedIn, RequiredClaim, SchemeConfig,
    SchemeFault, SchemesConfig, SecretsFault, SectionError, SecureTokenConfig, UrlParamsConfig,
    UrlParamsFault, WmsAuthConfig,
};
pub use session::{Begun, Cookie, SameSite, SessionsConfig, SessionsFault};
pub use users::{UsersConfig, UsersFault};
