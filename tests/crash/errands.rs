//! What packagers, viewers and operators ask of a server: registrations, leases, claims, cuts, keys,
//! revocations, each round on a stream of its own.
//!
//! An answer is a promise. Must not know: what the server does when.

use std::pin::pin;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::interval;

use super::promises::Promises;
use super::speke;
use crate::harness::actor::{Actor, Answer};
use crate::harness::serve::Serve;

/// The encryptor of every stream here.
const INSTANCE: &str = "errands";

/// Somebody of each kind, and what they were promised.
pub(super) struct Errands {
    packager: Actor,
    viewer: Actor,
    operator: Actor,
    rounds: u64,
    steps: u64,
    spares: Vec<String>,
    pub(super) promises: Promises,
}

/// What must be written before it is answered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Register,
    Lease,
    Claim,
    Rotate,
}

/// The server did not answer, or said that it cannot now.
#[derive(Debug)]
pub(super) struct Away(pub(super) String);

/// An answer, or [`Away`].
type Asked<T> = Result<T, Away>;

impl Errands {
    /// Of people with good credentials.
    pub(super) fn at(serve: &Serve) -> Self {
        let credential = |name: &str, actions: &[&str]| {
            let file = serve.credential(name, "**", actions);
            std::fs::read_to_string(file).unwrap().trim().to_owned()
        };
        Self {
            packager: serve.stranger().with(&credential("errands", &[])),
            viewer: serve.viewer("errand/**"),
            operator: serve.ops().with(&credential("operator", &["operate"])),
            rounds: 0,
            steps: 0,
            spares: Vec::new(),
            promises: Promises::default(),
        }
    }

    /// Everything once, on a new stream.
    pub(super) async fn run(&mut self) -> Asked<()> {
        self.rounds += 1;
        let stream = format!("errand/{}", self.rounds);
        self.register(&stream, "10s").await?;
        self.lease(&stream, "count=3").await?;
        self.keys(&stream).await?;
        self.bring(&stream).await?;
        self.report(&stream, &[10, 11, 12]).await?;
        self.rotate(&stream, true).await?;
        self.restart(&format!("{stream}-anew")).await?;
        self.report(&stream, &[11, 13]).await?;
        self.lease(&stream, &format!("count=4&instance={INSTANCE}"))
            .await?;
        self.rotate(&stream, false).await?;
        self.register(&stream, "20s").await?;
        self.lease(&stream, "from=-1&count=8").await?;
        self.revoke(&stream).await?;
        self.keys(&stream).await?;
        self.overrule(&format!("{stream}-now")).await?;
        self.remove(&format!("{stream}-gone")).await
    }

    /// Streams for cuts to come: each takes one.
    pub(super) async fn lay_in(&mut self, spares: u64) -> Asked<()> {
        for _ in 0..spares {
            let stream = format!("errand/spare/{}", self.spares.len());
            self.register(&stream, "10s").await?;
            self.spares.push(stream);
        }
        Ok(())
    }

    /// One thing of its kind that was never asked before, so that something must be written.
    pub(super) async fn step(&mut self, step: Step) -> Asked<()> {
        self.steps += 1;
        let stream = format!("errand/{}", 1 + self.steps % self.rounds);
        match step {
            Step::Register => self.registers(&format!("errand/new/{}", self.steps)).await,
            Step::Lease => {
                let query = format!("from={}&count=10", self.steps * 10);
                self.lease(&stream, &query).await
            }
            Step::Claim => self.report(&stream, &[1000 + self.steps]).await,
            Step::Rotate => {
                let spare = self.spares.pop().expect("more spare streams");
                self.rotate(&spare, true).await
            }
        }
    }

    /// A registration that is not answered well is none.
    async fn registers(&self, stream: &str) -> Asked<()> {
        let path = format!("/v1/streams/{stream}");
        let every = json!({"every": "10s"});
        let registered = self.ask(&self.packager, "PUT", &path, Some(every)).await;
        let expected = if registered.is_ok() { 200 } else { 404 };
        self.packager.get(&path).await.expect(expected);
        registered.map(|answer| wants(&answer, &[201]))
    }

    /// Every key of the last `rounds` rounds, as viewers have had them already.
    pub(super) async fn are_served(&self, rounds: u64) {
        for round in self.rounds.saturating_sub(rounds)..=self.rounds {
            let served = self.keys(&format!("errand/{round}")).await;
            served.unwrap();
        }
    }

    /// Wants every promise kept, of the last `rounds` rounds.
    pub(super) async fn verify(&mut self, rounds: u64) {
        for round in self.rounds.saturating_sub(rounds)..=self.rounds {
            let stream = format!("errand/{round}");
            let kept = self.verify_stream(&stream).await;
            kept.unwrap_or_else(|Away(how)| panic!("{stream}: {how}"));
        }
    }

    async fn verify_stream(&mut self, stream: &str) -> Asked<()> {
        let of = |(of, _): &(String, String)| of == stream;
        if self.promises.periods.keys().any(of) {
            self.lease(stream, "from=-1&count=12").await?;
            self.keys(stream).await?;
        }
        if self.promises.brought.contains_key(stream) {
            self.bring(stream).await?;
        }
        let own = self.promises.claims.keys().filter(|(of, _)| of == stream);
        let claims: Vec<u64> = own.map(|(_, segment)| *segment).collect();
        match claims.is_empty() {
            true => Ok(()),
            false => self.report(stream, &claims).await,
        }
    }

    async fn register(&self, stream: &str, every: &str) -> Asked<()> {
        let path = format!("/v1/streams/{stream}");
        let answer = self.ask_heard(stream, "PUT", &path, json!({"every": every}));
        wants(&answer.await?, &[200, 201]);
        Ok(())
    }

    async fn lease(&mut self, stream: &str, query: &str) -> Asked<()> {
        let path = format!("/v1/streams/{stream}/schedule?{query}");
        let answer = self.ask(&self.packager, "GET", &path, None).await?;
        wants(&answer, &[200]);
        self.promises.leased(stream, &answer.json()).unwrap();
        Ok(())
    }

    /// A kid of the packager's own: whoever asks with it again gets the same document.
    async fn bring(&mut self, stream: &str) -> Asked<()> {
        let document = speke::request(stream);
        let path = "/speke/v1.0/copyProtection";
        let answer = self.send(&self.packager, "POST", path, Some(&document));
        let answer = answer.await?;
        wants(&answer, &[200]);
        self.promises.brought(stream, &answer.text()).unwrap();
        Ok(())
    }

    /// Every key of the stream, as a viewer.
    async fn keys(&self, stream: &str) -> Asked<()> {
        let own = self
            .promises
            .periods
            .iter()
            .filter(|((of, _), _)| of == stream);
        for (_, kid) in own {
            let (uri, _) = &self.promises.keys[kid];
            let answer = self.ask(&self.viewer, "GET", uri, None).await?;
            let served = self.promises.served(kid, answer.status, &answer.body);
            served.unwrap();
        }
        Ok(())
    }

    async fn report(&mut self, stream: &str, claims: &[u64]) -> Asked<()> {
        let mut own = self
            .promises
            .periods
            .iter()
            .filter(|((of, _), _)| of == stream);
        let listed = own.next().map(|(_, kid)| {
            let periods = [json!({"kid": kid, "first": 1, "last": 9})];
            json!({"rendition": "index.m3u8", "periods": periods})
        });
        let report = json!({
            "instance": INSTANCE, "acknowledged": 1, "claims": claims,
            "renditions": listed.into_iter().collect::<Vec<_>>(),
        });
        let path = format!("/v1/streams/{stream}/progress");
        let answer = self
            .ask(&self.packager, "POST", &path, Some(report))
            .await?;
        wants(&answer, &[200]);
        self.promises.claimed(stream, &answer.json()).unwrap();
        Ok(())
    }

    /// A source that begins its numbering anew: where it goes on is decided once.
    async fn restart(&mut self, stream: &str) -> Asked<()> {
        self.register(stream, "10s").await?;
        let fingerprint = format!("{:032x}", self.rounds);
        let mark = json!({"rendition": "index.m3u8", "segment": 0, "fingerprint": fingerprint});
        let report = json!({
            "instance": INSTANCE, "acknowledged": 1,
            "restart": {"after": 0, "first": 0, "next": 100, "marks": [mark]},
        });
        let path = format!("/v1/streams/{stream}/progress");
        let mut told = Vec::new();
        for _ in 0..2 {
            let report = Some(report.clone());
            let answer = self.ask(&self.packager, "POST", &path, report).await?;
            wants(&answer, &[200]);
            told.push(answer.json()["runs"][0].clone());
        }
        assert_eq!((&told[0], &told[0]["run"]), (&told[1], &json!(1)));
        Ok(())
    }

    /// A cut that is refused because another is still to come is an answer too.
    async fn rotate(&mut self, stream: &str, now: bool) -> Asked<()> {
        let path = format!("/v1/streams/{stream}/rotate");
        let ask = json!({"now": now});
        let answer = self.ask_heard(stream, "POST", &path, ask).await?;
        wants(&answer, &[200, 409]);
        if answer.status == 200 {
            self.promises.cut(stream, &answer.json());
        }
        Ok(())
    }

    /// Of the stream's first key.
    async fn revoke(&mut self, stream: &str) -> Asked<()> {
        let mut own = self
            .promises
            .periods
            .iter()
            .filter(|((of, _), _)| of == stream);
        let kid = own.next().expect("a leased period").1.clone();
        self.promises.revoked.insert(kid.clone(), false);
        let path = format!("/v1/keys/{kid}/revoke");
        let answer = self.ask(&self.operator, "POST", &path, None).await?;
        wants(&answer, &[204]);
        self.promises.revoked.insert(kid, true);
        Ok(())
    }

    /// A cut that waits for an encryptor, and one that does not, at once.
    async fn overrule(&self, stream: &str) -> Asked<()> {
        self.register(stream, "10s").await?;
        let path = format!("/v1/streams/{stream}");
        let lease = format!("{path}/schedule?count=1&instance=silent");
        self.ask(&self.packager, "GET", &lease, None).await?;
        let path = format!("{path}/rotate");
        let rotate = |now| self.ask(&self.packager, "POST", &path, Some(json!({"now": now})));
        let answer = tokio::select! {
            biased;
            answer = rotate(false) => answer?,
            answer = rotate(true) => answer?,
        };
        wants(&answer, &[200, 409]);
        Ok(())
    }

    async fn remove(&self, stream: &str) -> Asked<()> {
        self.register(stream, "10s").await?;
        let path = format!("/v1/streams/{stream}");
        let lease = format!("{path}/schedule?count=3");
        self.ask(&self.packager, "GET", &lease, None).await?;
        let answer = self.ask(&self.packager, "DELETE", &path, None).await?;
        wants(&answer, &[204]);
        Ok(())
    }

    /// Asks for a change of the schedule. The encryptor of the stream that holds a lease, if one
    /// does, hears of it meanwhile.
    async fn ask_heard(
        &self,
        stream: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> Asked<Answer> {
        let mut answer = pin!(self.ask(&self.packager, method, path, Some(body)));
        let mut refresh = interval(Duration::from_millis(50));
        refresh.tick().await;
        loop {
            tokio::select! {
                answer = &mut answer => return answer,
                _ = refresh.tick() => self.acknowledge(stream).await?,
            }
        }
    }

    async fn acknowledge(&self, stream: &str) -> Asked<()> {
        let path = format!("/v1/streams/{stream}/schedule?count=1&instance={INSTANCE}&known=0");
        let lease = self.ask(&self.packager, "GET", &path, None).await?;
        let version = lease.json()["version"].clone();
        let report = json!({"instance": INSTANCE, "acknowledged": version});
        let path = format!("/v1/streams/{stream}/progress");
        self.ask(&self.packager, "POST", &path, Some(report))
            .await?;
        Ok(())
    }

    /// An encryptor that holds a lease and never hears of a cut.
    pub(super) fn silence(&mut self) -> impl Future<Output = ()> + Send + use<> {
        self.steps += 1;
        let stream = format!("/v1/streams/errand/silent/{}", self.steps);
        let packager = self.packager.clone();
        async move {
            for (method, path, body) in [
                ("PUT", "", Some("{\"every\": \"10s\"}")),
                ("GET", "/schedule?count=1&instance=silent", None),
                ("POST", "/rotate", Some("{}")),
            ] {
                let path = format!("{stream}{path}");
                let _ = packager.try_ask(method, &path, &[], body).await;
            }
        }
    }

    async fn ask(
        &self,
        who: &Actor,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Asked<Answer> {
        let body = body.map(|body| body.to_string());
        self.send(who, method, path, body.as_deref()).await
    }

    async fn send(
        &self,
        who: &Actor,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Asked<Answer> {
        let answer = who.try_ask(method, path, &[], body).await;
        let answer = answer.map_err(Away)?;
        if answer.status == 503 {
            let is_problem =
                answer.code() == "unavailable" && !answer.header("retry-after").is_empty();
            assert!(is_problem, "{method} {path}: {}", answer.text());
            return Err(Away(answer.text()));
        }
        Ok(answer)
    }
}

fn wants(answer: &Answer, statuses: &[u16]) {
    let is_wanted = statuses.contains(&answer.status);
    assert!(is_wanted, "{}: {}", answer.status, answer.text());
}
