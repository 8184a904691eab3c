//! Keeps what the process has in memory from everybody else on the machine.
//!
//! A service manager can see to the first half as well; in a container, or by hand, nobody does. Must
//! not know: what is in memory.

use anyhow::Context as _;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// No core file if the process ends badly, and no other process of the same user looks into it.
pub(super) fn keep_private() -> anyhow::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).context("no limit of core files")?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("the memory stays open to others")
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn nobody_gets_at_the_memory() {
        keep_private().unwrap();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
