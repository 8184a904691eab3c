//! The envelope around answers of every kind: headers, documents, bounds, counts.
//!
//! Must not know: routes.

use actix_web::body::{BoxBody, MessageBody as _, to_bytes};
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, error, web};

use super::*;
use crate::api::Problem;
use crate::domain::{Denied, SystemClock, SystemEntropy};

const PAGE: &str = "https://player.example.org";

fn around(listener: Listener, stopping: bool) -> Data<Surroundings> {
    Data::new(Surroundings {
        listener,
        origins: Origins::new(&[PAGE.to_owned()]).unwrap(),
        metrics: Arc::new(Metrics::default()),
        entropy: Arc::new(SystemEntropy),
        trail: Arc::new(Trail::unwritten()),
        restraint: Arc::new(Restraint::new(60, Arc::new(SystemClock))),
        clients: None,
        stopping: watch::channel(stopping).1,
    })
}

async fn answer_of(around: Data<Surroundings>, request: TestRequest) -> ServiceResponse<BoxBody> {
    let app = App::new()
        .app_data(around)
        .route("/ok", web::to(async || "fine"))
        .route(
            "/denied",
            web::to(async || Err::<String, _>(Failure::from(Denied::NotEntitled))),
        )
        .route(
            "/foreign",
            web::to(async || Err::<String, _>(error::ErrorBadRequest("inner text"))),
        )
        .default_service(web::to(async || {
            Err::<String, _>(Failure::new(Code::NotFound))
        }))
        .wrap(from_fn(envelope));
    let app = init_service(app).await;
    call_service(
        &app,
        request.insert_header((header::ORIGIN, PAGE)).to_request(),
    )
    .await
}

fn header_of(answer: &ServiceResponse, name: &str) -> String {
    let value = answer.headers().get(name);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

async fn problem_of(answer: ServiceResponse) -> Problem {
    assert_eq!(
        header_of(&answer, "content-type"),
        "application/problem+json"
    );
    assert_eq!(header_of(&answer, "cache-control"), "no-store");
    let bytes = to_bytes(answer.into_body())
        .await
        .unwrap_or_else(|_| unreachable!());
    serde_json::from_slice(&bytes).unwrap()
}

#[actix_web::test]
async fn cors_and_security_headers_stand_on_every_answer() {
    for path in ["/ok", "/denied", "/foreign", "/none", "/a%2Fb"] {
        let request = TestRequest::with_uri(path);
        let answer = answer_of(around(Listener::Public, false), request).await;
        assert_eq!(
            header_of(&answer, "access-control-allow-origin"),
            PAGE,
            "{path}"
        );
        assert_eq!(header_of(&answer, "vary"), "origin", "{path}");
        assert_eq!(
            header_of(&answer, "x-content-type-options"),
            "nosniff",
            "{path}"
        );
        assert_eq!(
            header_of(&answer, "referrer-policy"),
            "no-referrer",
            "{path}"
        );
        assert_eq!(header_of(&answer, "x-request-id").len(), 16, "{path}");
    }
}

#[actix_web::test]
async fn every_failure_is_one_problem_document() {
    for (path, status, code) in [
        ("/denied", 403, "forbidden"),
        ("/none", 404, "not_found"),
        ("/a%2fb", 404, "not_found"),
        ("/foreign", 500, "internal"),
    ] {
        let request = TestRequest::with_uri(path);
        let answer = answer_of(around(Listener::Public, false), request).await;
        let id = header_of(&answer, "x-request-id");
        assert_eq!(answer.status().as_u16(), status, "{path}");
        let problem = problem_of(answer).await;
        assert_eq!(
            (problem.status, problem.code.as_str()),
            (status, code),
            "{path}"
        );
        assert_eq!((problem.request_id, problem.detail), (id, None), "{path}");
    }
}

#[actix_web::test]
async fn any_path_has_options() {
    let request = TestRequest::with_uri("/none").method(Method::OPTIONS);
    let answer = answer_of(around(Listener::Public, false), request).await;
    assert_eq!(answer.status().as_u16(), 204);
    assert_eq!(header_of(&answer, "access-control-allow-origin"), PAGE);
    assert!(header_of(&answer, "access-control-allow-headers").contains("authorization"));
    assert_eq!(header_of(&answer, "access-control-max-age"), "7200");
    assert!(answer.into_body().size().is_eof());
}

#[actix_web::test]
async fn heads_are_bounded() {
    let long = "x".repeat(MOST_HEAD);
    let request = TestRequest::with_uri("/ok").insert_header(("x-long", long));
    let answer = answer_of(around(Listener::Public, false), request).await;
    assert_eq!(answer.status().as_u16(), 431);
}

#[actix_web::test]
async fn the_ops_listener_answers_for_loopback_alone() {
    let ours = "localhost:9443";
    for (target, host, status) in [
        ("/ok", ours, 200),
        ("/ok", "rebound.example.org", 421),
        ("http://localhost/ok", ours, 200),
        ("http://rebound.example.org/ok", ours, 421),
    ] {
        let request = TestRequest::with_uri(target).insert_header((header::HOST, host));
        let answer = answer_of(around(Listener::Ops, false), request).await;
        assert_eq!(answer.status().as_u16(), status, "{target} {host}");
    }
}

#[actix_web::test]
async fn what_is_answered_while_stopping_closes_its_connection() {
    for stopping in [false, true] {
        let request = TestRequest::with_uri("/ok");
        let answer = answer_of(around(Listener::Public, stopping), request).await;
        let closes = answer.response().head().connection_type() == ConnectionType::Close;
        assert_eq!(closes, stopping);
    }
}

#[actix_web::test]
async fn answers_are_counted_by_route_and_code() {
    let around = around(Listener::Public, false);
    answer_of(
        around.clone(),
        TestRequest::with_uri("/denied?token=obviously-a-fake"),
    )
    .await;
    let text = around.metrics.render();
    for line in [
        "hlskey_http_requests_total{route=\"unmatched\",status=\"403\"} 1",
        "hlskey_denials_total{code=\"forbidden\"} 1",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(!text.contains("fake"));
}
