//! Says whether hls.js has been fetched, so that the demo's page can be built in, and sees new
//! migrations.
//!
//! A plain `cargo build` works without it; `make build` fetches it first.

const PLAYER: &str = "web/node_modules/hls.js/dist/hls.min.js";

fn main() {
    // The folder, which is always there: a missing file would count as changed in every build.
    println!("cargo::rerun-if-changed=web");
    // A migration that was added is built in, too.
    println!("cargo::rerun-if-changed=keystore/migrations");
    println!("cargo::rustc-check-cfg=cfg(has_player)");
    if std::path::Path::new(PLAYER).is_file() {
        println!("cargo::rustc-cfg=has_player");
    }
}
