//! Our own encryptor at the packagers' listener, with a certificate and nothing else.
//!
//! Must not know: what it publishes beyond that it does.

use crate::harness::authority::private;
use crate::harness::binary::command;
use crate::harness::packager::Packager;
use crate::tls::packagers::{Gatehouse, entry};

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_all_that_an_encryptor_needs() {
    let house = Gatehouse::open("", &entry("e", "dns = \"e.example\"", "test/e", "")).await;
    let source = tempfile::tempdir().unwrap();
    Packager::single(source.path()).write_vod(4);
    let sink = house.serve.origin().join("test/e");
    let run = |stream: &str, shown: Option<&str>| {
        let place = |path: &std::path::Path| format!("dir:{}", path.display());
        let (source, sink) = (place(source.path()), place(&sink));
        let (ca, server) = (
            house.serve.ca(),
            format!("https://localhost:{}", house.port),
        );
        let mut args = vec!["encrypt", "--once", "--json", "--stream", stream];
        args.extend(["--source", &source, "--sink", &sink, "--server", &server]);
        args.extend(["--ca", ca.to_str().unwrap()]);
        args.extend(shown.iter().flat_map(|path| ["--client-certificate", path]));
        command(&args).output().unwrap()
    };
    let issued = house.clients.client(2, &["e.example"], &[]);
    let file = house.file("client.pem");
    private(&file, &format!("{}{}", issued.certificate, issued.key));
    let file = file.to_str().unwrap();
    let other = run("test/f", Some(file));
    assert!(!other.status.success(), "a stream that is not its own");
    assert!(
        !run("test/e", None).status.success(),
        "neither certificate nor credential"
    );
    let output = run("test/e", Some(file));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let list = std::fs::read_to_string(sink.join("index.m3u8")).unwrap();
    assert_eq!(
        list.matches("#EXT-X-KEY:METHOD=AES-128").count(),
        4,
        "{list}"
    );
}
