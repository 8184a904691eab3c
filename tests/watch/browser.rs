//! Chromium at the player page, ordered about by `browser/watch.mjs`.
//!
//! Must not know: what a page should show.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::harness::rust_source::root;

/// A running browser.
pub(super) struct Browser {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Browser {
    pub(super) fn start() -> Self {
        let mut command = Command::new("node");
        command
            .current_dir(root().join("tests/browser"))
            .arg("watch.mjs");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Self {
            orders: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Gives an order, and wants it done.
    pub(super) fn order(&mut self, order: &str, page: &str, mut more: Value) -> Value {
        more["order"] = order.into();
        more["page"] = page.into();
        let orders = self.orders.as_mut().unwrap();
        writeln!(orders, "{more}").unwrap();
        let mut line = String::new();
        tokio::task::block_in_place(|| self.answers.read_line(&mut line)).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{more}: {e}"));
        assert_eq!(answer["error"], Value::Null, "{more}");
        answer["value"].clone()
    }

    pub(super) fn open(&mut self, page: &str, url: &str) {
        self.order("open", page, json!({"url": url}));
    }

    /// Waits until an expression is true, and gives it.
    pub(super) fn until(&mut self, page: &str, expression: &str) -> Value {
        self.order("until", page, json!({"expression": expression}))
    }

    pub(super) fn run(&mut self, page: &str, expression: &str) -> Value {
        self.order("run", page, json!({"expression": expression}))
    }

    /// Waits until the picture has moved on by a second.
    pub(super) fn plays(&mut self, page: &str) {
        let at = self.run(page, "document.querySelector('video').currentTime");
        let at = at.as_f64().unwrap();
        let moved = format!(
            "(({{currentTime: t, paused}}) => !paused && (t > {at} + 1 || t < {at}))(document.querySelector('video'))"
        );
        self.until(page, &moved);
        assert_eq!(
            self.run(page, "document.getElementById('fault').hidden"),
            true
        );
    }

    /// Moves the picture there.
    pub(super) fn seek(&mut self, page: &str, to: u32) {
        self.run(
            page,
            &format!("void (document.querySelector('video').currentTime = {to})"),
        );
    }

    /// Waits for words over the picture; gives them, and keeps a picture of them.
    pub(super) fn words(&mut self, page: &str, kind: &str) -> String {
        let shown =
            format!("document.querySelector('#fault:not([hidden])')?.dataset.kind === '{kind}'");
        self.until(page, &shown);
        self.keep(page, kind);
        let text = self.run(page, "document.getElementById('fault').innerText");
        text.as_str().unwrap().to_owned()
    }

    /// Keeps a picture of the page.
    pub(super) fn keep(&mut self, page: &str, name: &str) -> PathBuf {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("watch-{name}.png"));
        self.order("shot", page, json!({"path": path}));
        path
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // At the end of its orders it closes the browser and goes.
        self.orders.take();
        let _ = self.child.wait();
    }
}
