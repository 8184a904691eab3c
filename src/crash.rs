//! Fail points: named places where a test may end the process at once, as `kill -9` does.
//!
//! Only a build with the feature `failpoints` has them; elsewhere a point is nothing, and
//! `HLSKEY_CRASH_AT` is a variable like any. Must not know: what happens at a point.

/// A step has been done that may be the last one. With the feature `failpoints`,
/// `HLSKEY_CRASH_AT=name` ends the process here, `HLSKEY_CRASH_AT=name:3` at the third passing.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub const fn point(_name: &'static str) {}

/// As [`point`], of the name `kind.step`.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub const fn point_of(_kind: &'static str, _step: &'static str) {}

#[cfg(feature = "failpoints")]
pub use armed::{point, point_of};

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    /// The point at which this process ends, and at which passing.
    static END: LazyLock<Option<(String, u64)>> = LazyLock::new(|| parse(&setting()?));
    static PASSED: AtomicU64 = AtomicU64::new(0);

    /// A step has been done that may be the last one.
    pub fn point(name: &'static str) {
        pass(|end| end == name);
    }

    /// As [`point`], of the name `kind.step`.
    pub fn point_of(kind: &'static str, step: &'static str) {
        pass(|end| end.split_once('.') == Some((kind, step)));
    }

    fn pass(is_here: impl Fn(&str) -> bool) {
        let Some((name, nth)) = &*END else { return };
        if is_here(name) && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *nth {
            end();
        }
    }

    /// Returns to nobody: not one more step is done by this thread.
    fn end() -> ! {
        let _ = kill_process(getpid(), Signal::KILL);
        loop {
            std::thread::park();
        }
    }

    #[expect(clippy::disallowed_methods, reason = "for tests alone, no setting")]
    fn setting() -> Option<String> {
        std::env::var("HLSKEY_CRASH_AT").ok()
    }

    fn parse(text: &str) -> Option<(String, u64)> {
        let (name, nth) = text.split_once(':').unwrap_or((text, "1"));
        Some((name.to_owned(), nth.parse().ok()?))
    }
}
