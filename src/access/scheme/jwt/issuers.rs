//! The issuers whose keys an instance asks for.
//!
//! Must not know: how keys are fetched and kept.

use std::sync::Arc;
use std::time::Duration;

use super::config::{JwtConfig, JwtFault};
use super::issuer_keys::IssuerKeys;
use super::source::Source;
use crate::domain::Network;
use crate::outbound::{self, Address, Client, Terms};

/// Where OpenID Connect Discovery 1.0 §4 has an issuer's configuration.
const WELL_KNOWN: &str = ".well-known/openid-configuration";
/// How long a whole answer may take: requests may wait for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long keys may be good that cannot be fetched anew.
const STALE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(7 * 24 * 3600);

/// One for each place of keys; none where only configured keys verify.
pub(super) fn load(
    name: &str,
    config: &JwtConfig,
    outbound: &outbound::Config,
) -> Result<Vec<Arc<IssuerKeys>>, JwtFault> {
    let stale = *config.jwks_stale.0;
    if !STALE.contains(&stale) {
        return Err(JwtFault::Stale);
    }
    let one = |source: Source| {
        let client = client(&source, outbound)?;
        let accepted = &config.algorithms;
        Ok(Arc::new(IssuerKeys::new(
            name, source, client, accepted, stale,
        )))
    };
    sources(config)?.into_iter().map(one).collect()
}

fn sources(config: &JwtConfig) -> Result<Vec<Source>, JwtFault> {
    let issuers = || config.all_issuers().cloned().collect::<Vec<_>>();
    let needed = |setting| match issuers() {
        none if none.is_empty() => Err(JwtFault::NoIssuer(setting)),
        some => Ok(some),
    };
    match (&config.jwks_url, &config.discovery_url, config.discovery) {
        (None, None, false) => Ok(Vec::new()),
        (Some(url), None, false) => Ok(vec![Source::Set(url.0.clone())]),
        (None, Some(url), false) => {
            let issuers = needed("discovery_url")?;
            Ok(vec![Source::Discovery(url.0.clone(), issuers)])
        }
        (None, None, true) => needed("discovery")?.into_iter().map(discovered).collect(),
        (Some(_), Some(_), _) => Err(exclude("jwks_url", "discovery_url")),
        (Some(_), _, true) => Err(exclude("jwks_url", "discovery")),
        (_, Some(_), true) => Err(exclude("discovery_url", "discovery")),
    }
}

fn exclude(one: &str, other: &str) -> JwtFault {
    JwtFault::TwoKeys(one.to_owned(), other.to_owned())
}

fn discovered(issuer: String) -> Result<Source, JwtFault> {
    let address: Address = issuer.parse().map_err(JwtFault::Issuer)?;
    Ok(Source::Discovery(address.below(WELL_KNOWN), vec![issuer]))
}

/// The host that the operator wrote down may lie in his own networks, one that a document names
/// may not.
fn client(source: &Source, outbound: &outbound::Config) -> Result<Client, JwtFault> {
    let allow: Vec<Network> = outbound.allow.iter().map(|text| text.0).collect();
    let authorities: Vec<_> = outbound.ca_file.as_deref().into_iter().collect();
    let terms = Terms {
        hosts: &[source.host()],
        allow: &allow,
        authorities: &authorities,
        total: PATIENCE,
        ..Terms::default()
    };
    Ok(Client::new(&terms)?)
}
