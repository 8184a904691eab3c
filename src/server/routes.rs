//! The one route table: listener, method, path, action, handler.
//!
//! A route that is not here does not exist; the authorisation matrix walks it. Must not know: what
//! a handler does.

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource};

use super::dialects::speke;
use super::error::{Code, Failure};
use super::{
    credentials, deliver, dialects, entitlements, hooks, key_files, live, openapi, ops, origin,
    play, progress, revocations, revoke, rotate, schedule, sessions, streams, trail, watch,
};
use crate::domain::Action;
use crate::telemetry::{Metrics, RouteMeasures};

/// Which socket a route is reached at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// HTTPS, for players and packagers.
    Public,
    /// The same without the packagers' routes, where they have a listener of their own alone.
    Players,
    /// HTTPS with client certificates, for packagers.
    Packagers,
    /// Plain HTTP on loopback, for the operator.
    Ops,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Where it is reached: `Public` or `Ops`. What packagers do there they do at `Packagers` too.
    pub listener: Listener,
    /// Its method, in capitals.
    pub method: &'static str,
    /// Its path: `{stream}` and `{file}` span slashes, `{kid}` does not.
    pub path: &'static str,
    /// What a credential must allow; `None` for what anyone may ask.
    pub action: Option<Action>,
    handler: fn() -> actix_web::Route,
}

impl Route {
    /// Whether it is reached at `listener`.
    pub fn is_at(&self, listener: Listener) -> bool {
        let is_public = self.listener == Listener::Public;
        let is_packagers = self.action.is_some_and(|it| Action::PACKAGER.contains(&it));
        match listener {
            Listener::Public => is_public,
            Listener::Players => is_public && !is_packagers,
            Listener::Packagers => is_public && is_packagers,
            Listener::Ops => self.listener == Listener::Ops,
        }
    }
}

/// Every route. `OPTIONS` is answered for any path besides.
pub const ROUTES: &[Route] = &[
    public("GET", KEY, Some(Action::Deliver), || {
        web::to(deliver::deliver)
    }),
    public("HEAD", KEY, Some(Action::Deliver), || {
        web::to(deliver::deliver)
    }),
    public("GET", KEY_FILE, Some(Action::Deliver), || {
        web::to(key_files::deliver)
    }),
    public("HEAD", KEY_FILE, Some(Action::Deliver), || {
        web::to(key_files::deliver)
    }),
    public("GET", PLAY, Some(Action::Play), || web::to(play::play)),
    public("HEAD", PLAY, Some(Action::Play), || web::to(play::play)),
    public("GET", HLS, None, || web::to(origin::file)),
    public("HEAD", HLS, None, || web::to(origin::file)),
    public("GET", WATCH, None, || web::to(watch::page)),
    public("HEAD", WATCH, None, || web::to(watch::page)),
    public("GET", PLAYER, None, || web::to(watch::file)),
    public("HEAD", PLAYER, None, || web::to(watch::file)),
    public("GET", "/v1/openapi.json", None, || {
        web::to(openapi::document)
    }),
    public("GET", "/v1/streams", Some(Action::Read), || {
        web::to(streams::list)
    }),
    public("GET", SCHEDULE, Some(Action::Lease), || {
        web::to(schedule::lease)
    }),
    public("GET", KEYINFO, Some(Action::Lease), || {
        web::to(dialects::ffmpeg::keyinfo)
    }),
    public("GET", RAW_KEY, Some(Action::Lease), || {
        web::to(dialects::raw::key)
    }),
    public("GET", WOWZA, Some(Action::Lease), || {
        web::to(dialects::wowza::key_file)
    }),
    public("GET", SHAKA, Some(Action::Lease), || {
        web::to(dialects::shaka::flags)
    }),
    public("GET", BENTO4, Some(Action::Lease), || {
        web::to(dialects::bento4::arguments)
    }),
    public("GET", NGINX_VOD, Some(Action::Lease), || {
        web::to(dialects::nginx_vod::info)
    }),
    public("GET", GOOGLE, Some(Action::Lease), || {
        web::to(dialects::google::secret)
    }),
    public("GET", CPIX, Some(Action::Lease), || {
        web::to(dialects::cpix::document)
    }),
    public("GET", GPAC, Some(Action::Lease), || {
        web::to(dialects::gpac::crypt_file)
    }),
    public("GET", FLUSSONIC, Some(Action::Lease), || {
        web::to(dialects::flussonic::key)
    }),
    public("POST", ROTATE, Some(Action::Rotate), || {
        web::to(rotate::rotate)
    }),
    public("POST", PROGRESS, Some(Action::Progress), || {
        web::to(progress::report)
    }),
    public("PUT", STREAM, Some(Action::Register), || {
        web::to(streams::register)
    }),
    public("GET", STREAM, Some(Action::Read), || web::to(streams::show)),
    public("DELETE", STREAM, Some(Action::Register), || {
        web::to(streams::remove)
    }),
    public("POST", SPEKE_V1, Some(Action::Lease), || web::to(speke::v1)),
    public("POST", SPEKE_V2_0, Some(Action::Lease), || {
        web::to(speke::v2_0)
    }),
    public("POST", SPEKE_V2_1, Some(Action::Lease), || {
        web::to(speke::v2_1)
    }),
    public("GET", SPEKE_HEARTBEAT, Some(Action::Lease), || {
        web::to(speke::heartbeat)
    }),
    public("POST", "/v1/sessions", Some(Action::Play), || {
        web::to(sessions::begin)
    }),
    public("GET", SESSION, Some(Action::Play), || {
        web::to(sessions::current)
    }),
    public("DELETE", SESSION, Some(Action::Play), || {
        web::to(sessions::end)
    }),
    public("POST", RENEW, Some(Action::Play), || {
        web::to(sessions::renew)
    }),
    public("POST", INVALIDATE, None, || web::to(entitlements::pushed)),
    public("POST", HOOK, None, || web::to(hooks::ask)),
    ops_route("POST", HOOK, None, || web::to(hooks::ask)),
    ops_route("GET", "/healthz", None, || web::to(ops::health)),
    ops_route("GET", "/readyz", None, || web::to(ops::ready)),
    ops_route("GET", "/metrics", None, || web::to(ops::metrics)),
    ops_route("POST", REVOKE, Some(Action::Operate), || {
        web::to(revoke::revoke)
    }),
    ops_route("POST", REVOCATIONS, Some(Action::Operate), || {
        web::to(revocations::revoke)
    }),
    ops_route("GET", REVOCATIONS, Some(Action::Operate), || {
        web::to(revocations::list)
    }),
    ops_route("DELETE", REVOCATION, Some(Action::Operate), || {
        web::to(revocations::lift)
    }),
    ops_route("GET", "/v1/audit", Some(Action::Operate), || {
        web::to(trail::list)
    }),
    ops_route("GET", EXPLAIN, Some(Action::Operate), || {
        web::to(trail::explain)
    }),
    ops_route("GET", ENTITLEMENTS, Some(Action::Operate), || {
        web::to(entitlements::list)
    }),
    ops_route("POST", INVALIDATE, Some(Action::Operate), || {
        web::to(entitlements::invalidate)
    }),
    ops_route("GET", ENTITLEMENT, Some(Action::Operate), || {
        web::to(entitlements::show)
    }),
    ops_route("PUT", ENTITLEMENT, Some(Action::Operate), || {
        web::to(entitlements::put)
    }),
    ops_route("DELETE", ENTITLEMENT, Some(Action::Operate), || {
        web::to(entitlements::remove)
    }),
    ops_route("GET", CREDENTIALS, Some(Action::Operate), || {
        web::to(credentials::list)
    }),
    ops_route("POST", CREDENTIALS, Some(Action::Operate), || {
        web::to(credentials::add)
    }),
    ops_route("DELETE", CREDENTIAL, Some(Action::Operate), || {
        web::to(credentials::remove)
    }),
    ops_route("GET", "/v1/viewers", Some(Action::Operate), || {
        web::to(live::viewers)
    }),
    ops_route("GET", "/v1/sessions", Some(Action::Operate), || {
        web::to(live::sessions)
    }),
];

const KEY: &str = "/v1/keys/{kid}";
const KEY_FILE: &str = "/v1/key-files/{file}";
const PLAY: &str = "/v1/play/{stream}/{file}.m3u8";
const HLS: &str = "/hls/{stream}/{file}";
const WATCH: &str = "/watch/{stream}";
const PLAYER: &str = "/player/{file}";
const STREAM: &str = "/v1/streams/{stream}";
// Before STREAM, whose `{stream}` would swallow them; no stream's last part has such a name.
const SCHEDULE: &str = "/v1/streams/{stream}/schedule";
const KEYINFO: &str = "/v1/streams/{stream}/ffmpeg.keyinfo";
const RAW_KEY: &str = "/v1/streams/{stream}/key";
const WOWZA: &str = "/v1/streams/{stream}/wowza.key";
const SHAKA: &str = "/v1/streams/{stream}/shaka";
const BENTO4: &str = "/v1/streams/{stream}/bento4";
const NGINX_VOD: &str = "/v1/streams/{stream}/nginx-vod.json";
const GOOGLE: &str = "/v1/streams/{stream}/google.json";
const CPIX: &str = "/v1/streams/{stream}/cpix";
const GPAC: &str = "/v1/streams/{stream}/gpac.xml";
const FLUSSONIC: &str = "/v1/streams/{stream}/flussonic.key";
const ROTATE: &str = "/v1/streams/{stream}/rotate";
const PROGRESS: &str = "/v1/streams/{stream}/progress";
const SPEKE_V1: &str = "/speke/v1.0/copyProtection";
const SPEKE_V2_0: &str = "/speke/v2.0/copyProtection";
const SPEKE_V2_1: &str = "/speke/v2.1/copyProtection";
const SPEKE_HEARTBEAT: &str = "/speke/v1.0/heartbeat";
const SESSION: &str = "/v1/sessions/current";
const RENEW: &str = "/v1/sessions/current/renew";
const EXPLAIN: &str = "/v1/explain/{request_id}";
const REVOKE: &str = "/v1/keys/{kid}/revoke";
const REVOCATIONS: &str = "/v1/revocations";
const REVOCATION: &str = "/v1/revocations/{id}";
const CREDENTIALS: &str = "/v1/credentials";
const CREDENTIAL: &str = "/v1/credentials/{name}";
const ENTITLEMENTS: &str = "/v1/entitlements";
// Before ENTITLEMENT: a viewer of that name is the command line's alone.
const INVALIDATE: &str = "/v1/entitlements/invalidate";
// nginx-rtmp can ask on plain HTTP alone, so at the operator's listener too.
pub(super) const HOOK: &str = "/v1/hooks/{hook}";
const ENTITLEMENT: &str = "/v1/entitlements/{viewer}";

/// What a credential must allow for the row with this method and path.
pub(super) fn action_of(method: &str, path: &str) -> Option<Action> {
    let mut rows = ROUTES.iter();
    let row = rows.find(|row| row.method == method && row.path == path);
    row.and_then(|row| row.action)
}

/// Wires the routes of `listener`.
///
/// Each resource carries its row's [`RouteMeasures`], by which the envelope knows the template.
pub(super) fn configure(listener: Listener, metrics: &Metrics, app: &mut ServiceConfig) {
    let mut paths: Vec<&str> = Vec::new();
    for route in ROUTES.iter().filter(|route| route.is_at(listener)) {
        if !paths.contains(&route.path) {
            paths.push(route.path);
            let measures = metrics.of_route(route.path);
            app.service(resource(listener, measures));
        }
    }
    app.default_service(web::to(unknown));
}

fn resource(listener: Listener, measures: RouteMeasures) -> Resource {
    let path = measures.route;
    let rows = || {
        let all = ROUTES.iter();
        all.filter(move |route| route.is_at(listener) && route.path == path)
    };
    let allow = rows()
        .map(|route| route.method)
        .collect::<Vec<_>>()
        .join(", ");
    let mut resource = web::resource(pattern(path)).app_data(measures);
    for route in rows() {
        resource = resource.route((route.handler)().method(method(route.method)));
    }
    resource.default_service(other_method(&allow))
}

/// The answer for a method that a known path does not have.
pub(super) fn other_method(allow: &str) -> actix_web::Route {
    let allow = allow.to_owned();
    web::to(move || {
        let refused = Failure::method_not_allowed(allow.clone());
        async move { Err::<HttpResponse, Failure>(refused) }
    })
}

async fn unknown() -> Result<HttpResponse, Failure> {
    Err(Failure::new(Code::NotFound).reason(&"no such route"))
}

/// The path as actix matches it.
fn pattern(path: &str) -> String {
    path.replace("{stream}", "{stream:.+}")
        .replace("{file}", "{file:.+}")
}

fn method(name: &str) -> Method {
    match name {
        "HEAD" => Method::HEAD,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "DELETE" => Method::DELETE,
        _ => Method::GET,
    }
}

const fn public(
    method: &'static str,
    path: &'static str,
    action: Option<Action>,
    handler: fn() -> actix_web::Route,
) -> Route {
    Route {
        listener: Listener::Public,
        method,
        path,
        action,
        handler,
    }
}

const fn ops_route(
    method: &'static str,
    path: &'static str,
    action: Option<Action>,
    handler: fn() -> actix_web::Route,
) -> Route {
    Route {
        listener: Listener::Ops,
        method,
        path,
        action,
        handler,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_unique_and_spelled_as_methods() {
        for (at, row) in ROUTES.iter().enumerate() {
            assert_eq!(method(row.method).as_str(), row.method);
            let same = |other: &&Route| {
                (other.listener, other.method, other.path) == (row.listener, row.method, row.path)
            };
            assert_eq!(
                ROUTES.iter().position(|other| same(&other)),
                Some(at),
                "{row:?}"
            );
        }
    }

    #[test]
    fn packagers_routes_are_those_that_players_lack() {
        let at = |listener| ROUTES.iter().filter(move |row| row.is_at(listener)).count();
        let (players, packagers) = (at(Listener::Players), at(Listener::Packagers));
        assert_eq!(players + packagers, at(Listener::Public));
        assert_eq!(at(Listener::Public) + at(Listener::Ops), ROUTES.len());
        for row in ROUTES.iter().filter(|row| row.is_at(Listener::Packagers)) {
            let roots = ["/v1/streams", "/speke/"];
            assert!(
                roots.iter().any(|root| row.path.starts_with(root)),
                "{row:?}"
            );
        }
    }

    #[test]
    fn a_key_route_is_never_open() {
        for row in ROUTES {
            let open = row.action.is_none();
            assert!(!open || !row.path.starts_with("/v1/key"), "{row:?}");
        }
    }
}
