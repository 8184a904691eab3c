//! The order of a look: certificates, four walks, the keys' other sides, a second look at what is
//! live.
//!
//! Must not know: what a fault is.

use anyhow::{Context as _, bail};
use reqwest::Url;
use tokio::time::{Duration, sleep};

use super::DoctorArgs;
use super::ask::{What, ask};
use super::check;
use super::client::{Client, Kit};
use super::code;
use super::define;
use super::fault::{Faults, Place};
use super::media::{Rendition, identity_alone};
use super::outcome::Outcome;
use super::probe;
use super::report::Report;
use super::tls::Handshakes;
use super::walk::Walk;
use crate::playlist::{MediaPlaylist, Playlist};

/// The most keys that are asked for in every way.
const MOST_PROBED: usize = 3;
/// A live playlist is not waited for longer.
const LONGEST_LOOK: Duration = Duration::from_secs(60);

/// Looks at the stream; an error if there is nothing to look at.
pub(super) async fn look(args: &DoctorArgs) -> anyhow::Result<Report> {
    let top = args.url.as_ref().context("no URL")?;
    if !matches!(top.scheme(), "https" | "http") {
        bail!("the URL begins with https:// or http://");
    }
    let handshakes = Handshakes::new(args.ca.as_deref(), args.patience.into())?;
    let mut kits = Vec::new();
    for client in Client::ALL {
        kits.push(Kit::new(client, args, top)?);
    }
    let mut faults = Faults::default();
    let mut servers = Vec::new();
    certificates(
        &handshakes,
        &kits,
        vec![top.clone()],
        &mut servers,
        &mut faults,
    )
    .await;
    let mut outcomes = Vec::new();
    for kit in &kits {
        let mut walk = Walk::new(kit, &mut faults);
        walk.go().await;
        outcomes.push(walk.outcome);
    }
    if let (true, Some(why)) = (faults.is_empty(), nothing(&outcomes)) {
        bail!("nothing can be looked at: {why}");
    }
    let led_to = outcomes.iter().flat_map(Outcome::servers).collect();
    certificates(&handshakes, &kits, led_to, &mut servers, &mut faults).await;
    probes(&outcomes, &mut faults).await;
    if !args.once {
        again(&outcomes, &mut faults).await;
    }
    between(args, &outcomes, top, &mut faults);
    Ok(Report::new(top, &outcomes, faults))
}

/// Why no client got any playlist.
fn nothing(outcomes: &[Outcome<'_>]) -> Option<String> {
    let all = outcomes.iter().all(|it| it.silent.is_some());
    outcomes.first()?.silent.clone().filter(|_| all)
}

/// Each server once, by host and port.
async fn certificates(
    handshakes: &Handshakes,
    kits: &[Kit],
    urls: Vec<Url>,
    known: &mut Vec<(String, Option<u16>)>,
    faults: &mut Faults,
) {
    let Some(kit) = kits.first() else {
        return;
    };
    for url in urls.iter().filter(|url| url.scheme() == "https") {
        let server = (url.host_str().unwrap_or_default().to_owned(), url.port());
        if !known.contains(&server) {
            known.push(server);
            handshakes.look(&kit.http, url, faults).await;
        }
    }
}

/// By a client that got keys, a page's if it can be.
async fn probes(outcomes: &[Outcome<'_>], faults: &mut Faults) {
    let with_keys = |client| {
        let mut all = outcomes.iter();
        all.find(|it| it.client() == client && it.got() > 0)
    };
    let order = [Client::HlsJs, Client::App, Client::Native, Client::Casting];
    let best = order.into_iter().find_map(with_keys);
    let page = || outcomes.iter().find(|it| it.client() == Client::HlsJs);
    let Some(outcome) = best.or_else(page) else {
        return;
    };
    for rendition in &outcome.renditions {
        probe::segment(outcome.kit, rendition, faults).await;
    }
    for (url, key) in outcome.keys.iter().take(MOST_PROBED) {
        if let Ok(url) = Url::parse(url) {
            probe::key(outcome.kit, &url, key.is_some(), faults).await;
        }
    }
}

/// A second look at the live playlists of whoever got furthest.
async fn again(outcomes: &[Outcome<'_>], faults: &mut Faults) {
    let Some(outcome) = outcomes.iter().max_by_key(|it| it.renditions.len()) else {
        return;
    };
    let live = || outcome.renditions.iter().filter(|it| !it.list.is_ended());
    let Some(target) = live().map(|it| it.list.target_duration()).max() else {
        return;
    };
    let target = target.min(LONGEST_LOOK);
    sleep(target).await;
    let mut waited = false;
    for rendition in live() {
        let mut second = once_more(outcome.kit, rendition).await;
        let has_moved = |second: &Option<MediaPlaylist>| {
            let second = second.as_ref();
            second.is_none_or(|second| check::live::has_moved(&rendition.list, second))
        };
        if !has_moved(&second) && !waited {
            waited = true;
            sleep(target).await;
            second = once_more(outcome.kit, rendition).await;
        }
        if let Some(second) = second {
            let place = Place::of_rendition(&rendition.name, &rendition.url);
            check::live::judge(&rendition.list, &second, place, faults);
        }
    }
}

async fn once_more(kit: &Kit, rendition: &Rendition) -> Option<MediaPlaylist> {
    let seen = ask(kit, What::Playlist, &rendition.url, None).await.ok()?;
    let text = String::from_utf8_lossy(&seen.body).into_owned();
    let resolved = define::resolve(&text, &rendition.url, &rendition.above);
    Playlist::media(&identity_alone(&resolved.text))
}

/// What shows between clients, and what was demanded of them.
fn between(args: &DoctorArgs, outcomes: &[Outcome<'_>], top: &Url, faults: &mut Faults) {
    let of = |client| outcomes.iter().find(|it| it.client() == client);
    let place = |client| Place {
        client: Some(client),
        ..Place::of_url(top)
    };
    if let (Some(native), Some(casting)) = (of(Client::Native), of(Client::Casting))
        && casting.was_refused
        && native.got() > 0
        && !native.by.cookie
    {
        let text = "its credential is refused here and taken from the other address";
        faults.add(&code::ADDRESS_BOUND, place(Client::Casting), text);
    }
    let nobody = outcomes.iter().all(|it| it.why.is_some());
    for outcome in outcomes {
        let is_required = args.required.contains(&outcome.client());
        let is_alone = nobody && args.required.is_empty();
        if let Some(why) = outcome.why.as_ref().filter(|_| is_required || is_alone) {
            faults.add(
                &code::CLIENT_NOT_SERVED,
                place(outcome.client()),
                why.as_str(),
            );
        }
    }
}
