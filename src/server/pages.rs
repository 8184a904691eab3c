//! Static pages that the program brings along, such as the demo's player.
//!
//! Must not know: what a page shows.

use actix_web::http::header;
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use super::files::bytes_or_head;
use super::routes::other_method;
use crate::telemetry::Metrics;

/// One page, script or style, served to anyone at one path.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its path, such as `/` or `/player.js`; a path of the route table is not shadowed.
    pub path: String,
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes.
    pub body: Bytes,
}

/// Scripts only from files of ours; media through `blob:`, where hls.js puts it; keys and
/// playlists from wherever the stream says, since a page may play another server's.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' https: blob:; \
    connect-src 'self' https:; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Wires the pages.
pub(super) fn configure(pages: &[Page], metrics: &Metrics, app: &mut ServiceConfig) {
    for page in pages.iter().cloned() {
        let path = page.path.clone();
        let answer = move |request: HttpRequest| {
            let answer = serve(&request, &page);
            async move { answer }
        };
        let resource = web::resource(path)
            .app_data(metrics.of_route("page"))
            .route(web::get().to(answer.clone()))
            .route(web::head().to(answer))
            .default_service(other_method("GET, HEAD"));
        app.service(resource);
    }
}

fn serve(request: &HttpRequest, page: &Page) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(page.content_type)
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .body(bytes_or_head(request, page.body.clone()))
}
