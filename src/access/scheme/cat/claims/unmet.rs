//! Which claims of a token the request does not meet, and in what, for whoever asks why.
//!
//! What a header or the query must be is not told, only that it is another. Must not know: keys, or the
//! instance's settings.

use super::Claims;
use crate::access::scheme::cat::uri::UriRule;
use crate::access::scheme::explain::Hint;
use crate::access::scheme::request::Request;

impl Claims {
    /// One hint for each claim that does not hold, and for `catu` one for each component.
    pub(in crate::access::scheme::cat) fn unmet(&self, request: &Request<'_>) -> Vec<Hint> {
        let uri = self.uri.as_ref().filter(|uri| !uri.takes(request));
        let uri = uri.map(|uri: &UriRule| uri.unmet(request));
        let mut hints: Vec<_> = self.method(request).into_iter().collect();
        hints.extend(uri.into_iter().flatten());
        hints.extend(self.protocol(request));
        hints.extend(self.header(request));
        hints.extend(self.network(request));
        hints
    }

    fn method(&self, request: &Request<'_>) -> Option<Hint> {
        let listed = self.methods.as_ref()?;
        let is_listed = listed.iter().any(|it| it == request.method);
        let why = || {
            let (listed, asked) = (listed.join(", "), request.method);
            format!("claim 313 (catm) lists {listed}; the request is a {asked}")
        };
        (!is_listed).then(|| Hint::new("catm", why()))
    }

    fn protocol(&self, request: &Request<'_>) -> Option<Hint> {
        let listed = self.protocols.as_ref()?;
        let spoken = request.alpn.unwrap_or("none");
        let is_listed = listed.iter().any(|it| it == spoken.as_bytes());
        let why = || {
            let listed: Vec<_> = listed
                .iter()
                .map(|it| String::from_utf8_lossy(it))
                .collect();
            let listed = listed.join(", ");
            format!("claim 314 (catalpn) lists {listed}; the connection speaks {spoken}")
        };
        (!is_listed).then(|| Hint::new("catalpn", why()))
    }

    fn header(&self, request: &Request<'_>) -> Vec<Hint> {
        let about = |(name, rule): &(String, super::Rule)| {
            let values: Vec<_> = request.headers.values(name).collect();
            let why = match values.iter().find_map(|value| rule.unmet(value)) {
                Some(kind) => {
                    format!("claim 315 (cath): the header {name} must {kind}, and does not")
                }
                None if values.is_empty() => {
                    format!("claim 315 (cath): the header {name} is missing")
                }
                None => return None,
            };
            Some(Hint::new("cath", why))
        };
        self.headers.iter().filter_map(about).collect()
    }

    fn network(&self, request: &Request<'_>) -> Option<Hint> {
        let networks = self.networks.as_ref()?;
        let ip = request
            .ip
            .map_or_else(|| "not known".to_owned(), |ip| ip.to_string());
        let why = || {
            let listed = networks.listed();
            format!("claim 311 (catnip) lists {listed}; the client's address is {ip}")
        };
        (!networks.hold(request.ip)).then(|| Hint::new("catnip", why()))
    }
}
