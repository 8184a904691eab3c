//! Users of the customer's own database, of either kind: `SELECT password FROM users WHERE username = …`.
//!
//! Must not know: how an answer is remembered.

use super::{PASSWORD, add_user, file, nginx_asks, nginx_asks_for, prepared};
use crate::harness::authority::private;
use crate::harness::binary;
use crate::harness::database;
use crate::harness::postgres::Cluster;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// Of [`PASSWORD`].
const VERIFIER: &str = "$argon2id$v=19$m=19456,t=2,p=1$M9g/5rog7/7+T8DOci0n2A$v/895RyuXMYF/msKTc2Pk1IyZjbnPrbs27igaxikq+Q";

/// Customers with a verifier, with a password in the clear, with none, and with nonsense.
fn table() -> String {
    format!(
        "CREATE TABLE users (username VARCHAR(64), password VARCHAR(200), apps TEXT);
         INSERT INTO users VALUES
             ('alice', '{VERIFIER}', 'live/**,live8/**'), ('bob', '{VERIFIER}', 'live8/*, live/other'),
             ('carol', '{PASSWORD}', 'live/*'), ('dave', NULL, NULL), ('eve', '', 'live/*'),
             ('o''hara', '{VERIFIER}', 'live/*'), ('wide', '{VERIFIER}', '**'),
             ('odd', '{VERIFIER}', 'live/../x'), ('open', '{VERIFIER}', NULL),
             ('hashed', '$2y$10$obviouslyfake', 'live/*')"
    )
}

const QUERY: &str = "SELECT password, apps AS streams FROM users WHERE username = :user";

async fn asked(source: &str, more: &str) -> Serve {
    let mut serve = prepared(&format!(
        "[users.customers]\nstreams = ['live/**', 'live8/**']\n{more}\n\
         [users.customers.sql]\n{source}\nquery = \"{QUERY}\"\n"
    ));
    serve.resume().await;
    serve
}

async fn statuses(serve: &Serve, cases: &[(&str, &str, &str, u16)]) {
    let ops = serve.ops();
    for (app, user, password, status) in cases {
        let own = format!("user={user}&password={password}");
        let answer = nginx_asks(&ops, app, &own).await;
        assert_eq!(answer.status, *status, "{user} {app}");
    }
}

async fn decides(serve: &Serve, of_carol: u16) {
    let wrong = "obviously-another-password";
    statuses(
        serve,
        &[
            ("live", "alice", PASSWORD, 200),
            ("live8", "alice", PASSWORD, 200),
            ("test", "alice", PASSWORD, 403),
            ("live", "alice", wrong, 401),
            ("live", "alice'%20OR%20'1'='1", PASSWORD, 401),
            ("live", "o'hara", PASSWORD, 200),
            ("live", "bob", PASSWORD, 403),
            ("live8", "bob", PASSWORD, 200),
            ("live", "carol", PASSWORD, of_carol),
            ("live", "dave", PASSWORD, 401),
            ("live", "nobody", PASSWORD, 401),
            ("live", "wide", PASSWORD, 200),
            ("test", "wide", PASSWORD, 403),
            ("live", "odd", PASSWORD, 503),
            // NULL is no list of everything, and another program's hash no password.
            ("live", "open", PASSWORD, 503),
            ("live", "hashed", "$2y$10$obviouslyfake", 503),
        ],
    )
    .await;
    let told = serve.process.as_ref().unwrap().stderr.text();
    assert!(
        !told.contains(PASSWORD) && !told.contains("argon2id$"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_says_who_may_publish() {
    let serve = asked("url = 'sqlite:customers.db'", "").await;
    let url = format!("sqlite:{}", file(&serve, "customers.db").display());
    // It need not be there when the server starts.
    statuses(&serve, &[("live", "alice", PASSWORD, 503)]).await;
    database::run(&url, &table()).await;
    decides(&serve, 503).await;
    let rows = database::number(&url, "SELECT count(*) FROM users").await;
    assert_eq!(rows, 10);
    // A user of ours is not looked for elsewhere.
    add_user(&serve, "alice2", "live/*", "publish");
    database::run(
        &url,
        &format!("INSERT INTO users VALUES ('alice2', '{VERIFIER}', '**')"),
    )
    .await;
    statuses(
        &serve,
        &[
            ("live", "alice2", PASSWORD, 200),
            ("live8", "alice2", PASSWORD, 403),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_says_who_may_publish_and_is_remembered() {
    let cluster = Cluster::start();
    cluster.sql(&table());
    let mut serve = prepared(&format!(
        "[users.customers]\nstreams = ['live/**', 'live8/**']\nclear_text = true\nttl = '1h'\n\
         timeout = '1s'\n[users.customers.sql]\nurl_file = 'customers.url'\nquery = \"{QUERY}\"\n"
    ));
    private(&file(&serve, "customers.url"), &cluster.url());
    serve.resume().await;
    decides(&serve, 200).await;
    // In the clear, nothing is no password.
    statuses(
        &serve,
        &[("live", "eve", "", 401), ("live", "carol", "x", 401)],
    )
    .await;
    cluster.control(&["stop", "-m", "immediate"]);
    statuses(
        &serve,
        &[
            ("live", "alice", PASSWORD, 200),
            ("live", "frank", PASSWORD, 503),
        ],
    )
    .await;
    cluster.control(&["start"]);
    cluster.sql(&format!(
        "INSERT INTO users VALUES ('frank', '{VERIFIER}', 'live/*')"
    ));
    until("the database is asked again", seconds(20), async || {
        let own = format!("user=frank&password={PASSWORD}");
        (nginx_asks(&serve.ops(), "live", &own).await.status == 200).then_some(())
    })
    .await;
}

/// A database that hangs keeps nobody waiting whom it does not have to be asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_hangs_is_given_up_and_holds_up_nobody() {
    let cluster = Cluster::start();
    cluster.sql(
        "CREATE TABLE slow (username TEXT, wait FLOAT8); INSERT INTO slow VALUES ('slow', 3600)",
    );
    let query = "SELECT pg_sleep(wait)::text AS password FROM slow WHERE username = :user";
    let mut serve = prepared(&format!(
        "[users.customers]\nstreams = ['live/**']\ntimeout = '2s'\n[users.customers.sql]\n\
         url_file = 'customers.url'\nquery = \"{query}\"\nconnections = 2\n"
    ));
    private(&file(&serve, "customers.url"), &cluster.url());
    serve.resume().await;
    add_user(&serve, "User1", "live/*", "publish");
    let (ops, stranger) = (serve.ops(), serve.stranger());
    let slow = format!("user=slow&password={PASSWORD}");
    let own = format!("user=User1&password={PASSWORD}");
    let slow = nginx_asks_for(&ops, "192.0.2.66", "live", &slow);
    let own = nginx_asks_for(&stranger, "198.51.100.1", "live", &own);
    let (slow, own) = tokio::join!(slow, own);
    assert_eq!((slow.status, own.status), (503, 200));
}

#[tokio::test]
async fn a_section_that_could_let_nobody_in_is_told() {
    for (from, to, says) in [
        (":user", "'alice'", "does not use :user"),
        ("streams = ['live/**']", "streams = []", "streams is empty"),
        ("ttl = '1s'", "ttl = '2h'", "ttl is 1s to 1h"),
        ("ttl = '1s'", "actions = ['operate']", "actions are some of"),
    ] {
        let section = "[users.customers]\nstreams = ['live/**']\nttl = '1s'\n[users.customers.sql]\n\
                       url = 'sqlite:customers.db'\nquery = \"SELECT password FROM users WHERE username = :user\"\n";
        let serve = prepared(&section.replace(from, to));
        let config = serve.config();
        let done = binary::run(&["config", "check", "--config", config.to_str().unwrap()]);
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(
            !done.status.success() && said.contains(says),
            "{to}: {said}"
        );
    }
}
