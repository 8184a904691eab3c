//! The command line: one file per subcommand.
//!
//! Must not know: HTTP forms or SQL; it wires the other floors together.

pub mod demo;
