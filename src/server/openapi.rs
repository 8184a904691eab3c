//! `GET /v1/openapi.json`: the routes described for programs.
//!
//! Must not know: the handlers; a test holds the document to the route table.

use actix_web::HttpResponse;
use actix_web::http::header;

const DOCUMENT: &str = include_str!("../../docs/openapi.json");

pub(super) async fn document() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .body(DOCUMENT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::server::{Listener, ROUTES};

    /// `GET /v1/keys/{kid}` and so on, of the document.
    fn described(document: &serde_json::Value) -> BTreeSet<String> {
        let paths = document["paths"].as_object().unwrap().iter();
        let methods = paths.flat_map(|(path, item)| {
            let names = item.as_object().unwrap().keys();
            names
                .filter(|name| *name != "parameters")
                .map(move |name| format!("{} {path}", name.to_uppercase()))
        });
        methods.collect()
    }

    #[test]
    fn the_document_is_the_route_table() {
        let document = serde_json::from_str(DOCUMENT).unwrap();
        let rows = ROUTES.iter().filter(|row| row.listener == Listener::Public);
        let routes: BTreeSet<_> = rows
            .map(|row| format!("{} {}", row.method, row.path))
            .collect();
        assert_eq!(described(&document), routes);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
        let references = DOCUMENT.split("\"$ref\"").skip(1);
        for reference in references.map(|rest| rest.split('"').nth(1).unwrap()) {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}
