//! HTTP on a bound listener: actix's workers, behind a door of ours where TLS is spoken.
//!
//! Must not know: what is asked.

use std::future::ready;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, Protocol, Request, Response};
use actix_service::{
    IntoServiceFactory as _, Service, ServiceFactoryExt as _, apply_fn_factory, fn_service,
    map_config,
};
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, Server, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error};
use tokio::io::{AsyncBufRead, AsyncWrite};

use super::connect::{Connection, Door, HEAD_PATIENCE, Questions, Turned};
use super::envelope::envelope;
use super::listen::Wiring;
use super::routes::Listener;

/// What a listener leads to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hall {
    pub(super) listener: Listener,
    pub(super) workers: Workers,
}

/// How many threads serve a listener.
#[derive(Debug, Clone, Copy)]
pub(super) struct Workers {
    pub(super) count: usize,
    /// Connections of each. The next ones wait to be accepted.
    pub(super) most: usize,
}

/// What an app of ours answers by.
pub(super) trait Routes:
    ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    > + 'static
{
}

impl<F> Routes for F where
    F: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<BoxBody>,
            Error = Error,
            InitError = (),
        > + 'static
{
}

/// Longer than the idle time of common balancers, so that they close first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long open requests may take once the server stops, in seconds.
const DRAIN: u64 = 5;

/// Plain HTTP, for the operator, whose clients are waited for no longer than others.
pub(super) fn serve_plain(socket: TcpListener, most: usize, wiring: Wiring) -> io::Result<Server> {
    let server = Server::build()
        .workers(1)
        .max_concurrent_connections(most)
        .shutdown_timeout(DRAIN)
        .disable_signals();
    let stopping = server.graceful_shutdown_signal();
    let server = server.listen("ops", socket, move || {
        let welcome = fn_service(async |socket| {
            let (connection, client) = Connection::plain(socket).map_err(Turned::Gone)?;
            Ok((connection, Protocol::Http1, Some(client)))
        });
        let stopping = stopping.clone();
        let stopped = move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        };
        let app = app(Listener::Ops, wiring.clone());
        welcome.and_then(http(app, anybody, stopped))
    })?;
    Ok(server.run())
}

/// HTTPS, with every route of the hall's listener.
pub(super) fn serve_tls(
    socket: TcpListener,
    door: Door,
    hall: Hall,
    wiring: Wiring,
) -> io::Result<Server> {
    let app = move || app(hall.listener, wiring.clone());
    serve_door(socket, door, hall.workers, app, anybody)
}

/// Nobody is refused before a body is sent.
fn anybody(_: &Request) -> Option<Response<BoxBody>> {
    None
}

/// HTTPS. What actix-web's own listener does too, except that a connection comes through `door`:
/// PROXY header and bounds before TLS, and no limit on how many clients shake hands at once, which
/// 256 silent ones would use up. And it ends as [`Connection`] has it: actix's
/// `client_disconnect_timeout` reads on for a while too, but not past the longest head.
///
/// `refuse` answers whoever asks before it sends a body (RFC 9110 §10.1.1) and need not send it.
pub(super) fn serve_door<A>(
    socket: TcpListener,
    door: Door,
    workers: Workers,
    app: impl Fn() -> App<A> + Send + Clone + 'static,
    refuse: impl Fn(&Request) -> Option<Response<BoxBody>> + Send + Clone + 'static,
) -> io::Result<Server>
where
    A: Routes,
{
    let door = Arc::new(door);
    let server = Server::build()
        .workers(workers.count)
        .max_concurrent_connections(workers.most)
        .shutdown_timeout(DRAIN)
        .disable_signals();
    let stopping = server.graceful_shutdown_signal();
    let name = door.measures.listener;
    let server = server.listen(name, socket, move || {
        let door = Arc::clone(&door);
        let welcome = fn_service(move |socket| {
            let door = Arc::clone(&door);
            async move {
                let (connection, client) = door.welcome(socket).await?;
                Ok((connection, Protocol::Http1, Some(client)))
            }
        });
        let stopping = stopping.clone();
        let stopped = move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        };
        welcome.and_then(http(app(), refuse.clone(), stopped))
    })?;
    Ok(server.run())
}

/// HTTP/1.1 on connections of ours, with every route of `app`, until `stopping` says that the
/// server stops.
fn http<S, F, A>(
    app: App<A>,
    refuse: impl Fn(&Request) -> Option<Response<BoxBody>> + Clone + 'static,
    stopping: impl Fn() -> F + 'static,
) -> impl ServiceFactory<
    (Connection<S>, Protocol, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = Turned,
    InitError = (),
>
where
    S: AsyncBufRead + AsyncWrite + Unpin + 'static,
    F: Future<Output = ()> + 'static,
    A: Routes,
{
    let app = app.into_factory();
    let app = app.map_err(|error: Error| error.error_response());
    HttpService::build()
        .graceful_shutdown_signal(stopping)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_PATIENCE)
        .expect(fn_service(move |request: Request| {
            ready(match refuse(&request) {
                Some(answer) => Err(answer),
                None => Ok(request),
            })
        }))
        .on_connect_ext(|connection: &Connection<S>, about| {
            about.insert(connection.questions());
            if let Some(shown) = &connection.shown {
                about.insert(shown.clone());
            }
        })
        .finish(apply_fn_factory(
            map_config(app, |()| AppConfig::default()),
            answer,
        ))
        .map_err(Turned::Http)
}

/// One request, told to its connection.
fn answer<S: Service<Request>>(
    request: Request,
    app: &S,
) -> impl Future<Output = Result<S::Response, S::Error>> + use<S> {
    let pending = request.conn_data().map(Questions::begin);
    let answered = app.call(request);
    async move {
        let answered = answered.await;
        drop(pending);
        answered
    }
}

/// Every route of `listener` in its envelope.
fn app(listener: Listener, wiring: Wiring) -> App<impl Routes> {
    App::new()
        .configure(move |app| wiring.connect(listener, app))
        .wrap(from_fn(envelope))
}
