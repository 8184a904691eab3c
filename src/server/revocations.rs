//! `POST`/`GET /v1/revocations` and `DELETE /v1/revocations/{id}`, on the ops listener: viewers,
//! sessions, tokens, keys, and what is older than a moment.
//!
//! Must not know: how a credential is matched, or how the worst case is reckoned.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::audit;
use super::body::json;
use super::envelope::Surroundings;
use super::error::{Code, Failure};
use super::guard::Guarded;
use super::query::Parameters;
use super::revoke::withdraw;
use super::streams::unstored;
use crate::access::audit::Affected;
use crate::access::{Gate, Maker, Revocation, RevocationRow};
use crate::api::{
    RevocationList, RevocationReply, RevocationRequest, RevocationView, Text, Withdrawn,
};
use crate::domain::{Action, Clock, Denied, Kid, Revoked};
use crate::keys::Keys;

pub(super) async fn revoke(
    request: HttpRequest,
    who: Guarded,
    body: Payload,
    (gate, keys): (Data<Gate>, Data<Keys>),
    (clock, around): (Data<dyn Clock>, Data<Surroundings>),
) -> Result<HttpResponse, Failure> {
    // Not a byte is read for somebody who may do nothing of it.
    if !who.principal().may(Action::Operate) {
        return Err(Denied::WrongAction(Action::Operate).into());
    }
    let asked: RevocationRequest = json(&request, body).await?;
    let withdrawn = asked.withdrawn(clock.now());
    let reply = match withdrawn.map_err(|error| Failure::bad_request(&error))? {
        Withdrawn::Key(kid) => revoke_key(&request, &who, kid, (&gate, &keys)).await?,
        Withdrawn::Credentials(revoked) => {
            let until = asked.until.map(|until| until.0);
            let affected = Affected::revoked(&revoked, asked.scheme.as_deref(), until);
            audit::about(&request, affected.clone());
            let permit = gate.oversee(&who)?;
            let revocation = Revocation {
                revoked: revoked.clone(),
                scheme: asked.scheme,
                until,
                note: asked.note.unwrap_or_default(),
            };
            let made = |id: &str| {
                audit::about(&request, affected.with("revocation", id));
                audit::changing(&request);
            };
            let id = gate.revoke(&permit, revocation, &*around.entropy, made);
            let id = id.await?;
            keys.worst_case(&revoked).await?.reply(Some(id))
        }
    };
    Ok(unstored(&mut HttpResponse::Ok(), &reply))
}

/// An operator of some streams alone may withdraw their keys.
async fn revoke_key(
    request: &HttpRequest,
    who: &Guarded,
    kid: Kid,
    (gate, keys): (&Gate, &Keys),
) -> Result<RevocationReply, Failure> {
    withdraw(request, who, Some(kid), (gate, keys)).await?;
    audit::changing(request);
    let case = keys.worst_case_of_key(kid).await?;
    let case = case.ok_or_else(|| Failure::new(Code::NotFound))?;
    Ok(case.reply(None))
}

pub(super) async fn list(
    request: HttpRequest,
    who: Guarded,
    gate: Data<Gate>,
) -> Result<HttpResponse, Failure> {
    let permit = gate.oversee(&who)?;
    let asked = Parameters::of(request.query_string());
    asked.only(&["after", "limit"])?;
    let after: Option<String> = asked.value("after")?;
    let after = after.unwrap_or_default();
    let rows = gate.revoked(&permit, &after, asked.limit()?.get());
    let rows = rows.await.map_err(|error| Failure::store(&error))?;
    let list = RevocationList {
        revocations: rows.into_iter().map(view).collect(),
    };
    Ok(unstored(&mut HttpResponse::Ok(), &list))
}

fn view(row: RevocationRow) -> RevocationView {
    let says = row.says;
    let mut view = RevocationView {
        id: row.id,
        viewer: None,
        session: None,
        token: None,
        before: None,
        scheme: says.scheme,
        until: says.until.map(Text),
        made: Text(row.made),
        by: match says.maker {
            Maker::Operator(name) => name,
            Maker::Viewer(_) => String::new(),
        },
        note: says.note,
    };
    match says.revoked {
        Revoked::Viewer(name) => view.viewer = Some(name),
        Revoked::Session(name) => view.session = Some(name),
        Revoked::Token(name) => view.token = Some(name),
        Revoked::Before(moment) => view.before = Some(Text(moment)),
    }
    view
}

pub(super) async fn lift(
    request: HttpRequest,
    who: Guarded,
    id: Path<String>,
    gate: Data<Gate>,
) -> Result<HttpResponse, Failure> {
    audit::about(&request, Affected::default().with("revocation", &id));
    let permit = gate.oversee(&who)?;
    let lifted = gate.lift(&permit, &id, || audit::changing(&request)).await;
    match lifted.map_err(|error| Failure::store(&error))? {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(Failure::new(Code::NotFound)),
    }
}
