//! Asks the built program for its verdict on a URL.
//!
//! Must not know: any scheme.

use std::io::Write as _;
use std::process::Output;

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::harness::binary::run;

/// A configuration with one scheme alone, and a moment.
pub(super) struct Judge {
    scheme: &'static str,
    config: NamedTempFile,
    at: Option<i64>,
    ip: Option<String>,
    more: Vec<String>,
}

/// What was said.
#[derive(Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) allow: bool,
    pub(super) reason: String,
    pub(super) subject: Option<String>,
    pub(super) streams: Vec<String>,
    pub(super) expires: Option<String>,
}

impl Judge {
    /// `settings` are the lines below `[schemes.NAME]`.
    pub(super) fn new(scheme: &'static str, settings: &str) -> Self {
        let mut config = NamedTempFile::new().unwrap();
        write!(config, "[schemes.{scheme}]\n{settings}\n").unwrap();
        Self {
            scheme,
            config,
            at: Some(1_704_067_200),
            ip: None,
            more: Vec::new(),
        }
    }

    pub(super) fn at(mut self, unix: i64) -> Self {
        self.at = Some(unix);
        self
    }

    /// By the clock.
    pub(super) fn now(mut self) -> Self {
        self.at = None;
        self
    }

    /// The configuration.
    pub(super) fn file(&self) -> &str {
        self.config.path().to_str().unwrap()
    }

    pub(super) fn ip(mut self, ip: &str) -> Self {
        self.ip = Some(ip.to_owned());
        self
    }

    /// More of the command line.
    pub(super) fn with(mut self, args: &[&str]) -> Self {
        self.more = args.iter().map(|arg| (*arg).to_owned()).collect();
        self
    }

    /// What `token explain` says of a URL; whatever it prints holds none of these secrets.
    #[track_caller]
    pub(super) fn explains(&self, url: &str, secrets: &[&str]) -> Value {
        let plain = self.command("explain", url, false);
        let output = self.command("explain", url, true);
        for output in [&plain, &output] {
            for part in [&output.stdout, &output.stderr] {
                let text = String::from_utf8_lossy(part);
                for secret in secrets {
                    assert!(!text.contains(secret), "{text}");
                }
            }
        }
        assert_eq!(plain.status.code(), output.status.code());
        let errors = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{url}: {errors}"))
    }

    pub(super) fn verdict(&self, url: &str) -> Verdict {
        let output = self.command("verify", url, true);
        let errors = String::from_utf8_lossy(&output.stderr);
        let view: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{url}: no verdict, but {errors}"));
        let text = |name: &str| view[name].as_str().map(str::to_owned);
        let allow = match view["verdict"].as_str() {
            Some("allow") => true,
            Some("deny") => false,
            other => panic!("{other:?}"),
        };
        assert_eq!(output.status.code(), Some(i32::from(!allow)), "{view}");
        let streams = view["streams"].as_array().unwrap().iter();
        Verdict {
            allow,
            reason: text("reason").unwrap(),
            subject: text("subject"),
            streams: streams.map(|it| it.as_str().unwrap().to_owned()).collect(),
            expires: text("expires"),
        }
    }

    /// What `token mint` prints for `live/news` by an instance, or why nothing.
    pub(super) fn mint(&self, scheme: &str, args: &[&str]) -> Result<String, String> {
        let fixed = ["token", "mint", "--config", self.file(), "--scheme", scheme];
        let output = run(&[&fixed[..], &["--stream", "live/news"], args].concat());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
        match output.status.success() {
            true => Ok(text(output.stdout)),
            false => Err(text(output.stderr)),
        }
    }

    fn command(&self, command: &str, url: &str, json: bool) -> Output {
        let at = self.at.map(|at| at.to_string());
        let mut args = vec!["token", command, "--scheme", self.scheme];
        args.extend(["--config", self.file(), "--url", url]);
        args.extend(json.then_some("--json"));
        if let Some(at) = &at {
            args.extend(["--at", at]);
        }
        if let Some(ip) = &self.ip {
            args.extend(["--ip", ip]);
        }
        args.extend(self.more.iter().map(String::as_str));
        run(&args)
    }

    /// The verdict is yes.
    #[track_caller]
    pub(super) fn allows(&self, url: &str) -> Verdict {
        let verdict = self.verdict(url);
        assert!(verdict.allow, "{url}: {verdict:?}");
        verdict
    }

    /// The verdict is no, for this reason.
    #[track_caller]
    pub(super) fn denies(&self, url: &str, reason: &str) {
        let verdict = self.verdict(url);
        assert!(!verdict.allow, "{url}: {verdict:?}");
        assert_eq!(verdict.reason, reason, "{url}");
    }
}
