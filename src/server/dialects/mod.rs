//! Keys in packagers' own words, one file for each: all tell of the period of the present.
//!
//! Must not know: how that is found, or who may ask.

pub(super) mod bento4;
pub(super) mod cpix;
pub(super) mod ffmpeg;
pub(super) mod flussonic;
pub(super) mod google;
pub(super) mod gpac;
pub(super) mod nginx_vod;
pub(super) mod raw;
pub(super) mod shaka;
pub(super) mod speke;
pub(super) mod wowza;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use serde::Serialize;

use super::audit;
use super::error::Failure;
use super::guard::Permitted;
use super::query::Parameters;
use super::streams;
use crate::access::{Lease, Permit};
use crate::crypto::{ContentKey, SecretText, hex_of};
use crate::domain::Kid;
use crate::keys::{Keys, Present};

/// Who may lease the stream's keys. Others are told that basic is welcome, which is all that some
/// of these clients can.
pub(super) struct Packager(Permitted<Lease>);

impl Packager {
    fn permit(&self) -> &Permit<Lease> {
        &self.0
    }
}

impl FromRequest for Packager {
    type Error = Failure;
    type Future = LocalBoxFuture<'static, Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let permitted = Permitted::<Lease>::from_request(request, payload);
        async move { permitted.await.map(Self).map_err(Failure::or_basic) }.boxed_local()
    }
}

/// The period of the present, of the rendition that the query names, if each has its own. It is
/// noted as handed out.
async fn present(
    request: &HttpRequest,
    packager: &Packager,
    keys: &Keys,
) -> Result<Present, Failure> {
    let rendition = Parameters::of(request.query_string()).value("rendition")?;
    let permit = packager.permit();
    let present = keys.present(permit, rendition.as_ref()).await?;
    audit::leased(request, permit, Some(present.period.period.kid))?;
    Ok(present)
}

/// An answer that no cache keeps.
fn unstored(content_type: &'static str, body: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, content_type))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(body)
}

/// The same of a text.
fn told(text: String) -> HttpResponse {
    unstored("text/plain; charset=utf-8", text.into_bytes())
}

/// The same of JSON.
fn unstored_json(body: &impl Serialize) -> HttpResponse {
    streams::unstored(&mut HttpResponse::Ok(), body)
}

/// 32 digits.
fn hex(key: &ContentKey) -> SecretText {
    SecretText::new(format!("{:032x}", u128::from_be_bytes(*key.expose())))
}

/// The same of a kid, without its hyphens.
fn kid_hex(kid: Kid) -> String {
    hex_of(kid.as_bytes())
}
