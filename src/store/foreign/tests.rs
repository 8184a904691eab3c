//! Queries on real databases of somebody else's.
//!
//! Must not know: what a row means to who asks.

use super::*;
use crate::crypto::SecretText;

/// A SQLite file with two viewers.
async fn paid(folder: &std::path::Path) -> String {
    let path = folder.join("paid.db");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut on = options.connect().await.unwrap();
    let made = "CREATE TABLE paid (viewer TEXT, level INTEGER); \
                INSERT INTO paid VALUES ('alice', 2), ('o''brien', NULL)";
    on.execute(made).await.unwrap();
    format!("sqlite:{}", path.display())
}

fn open(url: &str, query: &str) -> ForeignQuery {
    let config = ForeignConfig {
        url: Some(SecretText::new(url.to_owned())),
        url_file: None,
        query: query.to_owned(),
        connections: 2,
    };
    ForeignQuery::open(&config, &["viewer"], Duration::from_secs(5)).unwrap()
}

#[tokio::test]
async fn a_row_is_found_by_bound_values() {
    let dir = tempfile::tempdir().unwrap();
    let url = paid(dir.path()).await;
    let sql = "SELECT level, level > 1 AS allow, viewer FROM paid WHERE viewer = :viewer";
    let query = open(&url, sql);
    let alice = query.first(&[Some("alice")]).await.unwrap().unwrap();
    let cells = ["level", "allow", "viewer", "other"].map(|name| alice.cell(name));
    let expected = [
        Some(Cell::Integer(2)),
        Some(Cell::Integer(1)),
        Some(Cell::Other),
        None,
    ];
    assert_eq!(cells, expected);
    assert_eq!(alice.text("viewer").unwrap().expose(), "alice");
    assert!(alice.text("level").is_none());
    let other = query.first(&[Some("o'brien")]).await.unwrap().unwrap();
    assert_eq!(other.cell("level"), Some(Cell::Null));
    for nobody in [Some("x' OR '1'='1"), Some(""), None] {
        assert_eq!(query.first(&[nobody]).await.unwrap(), None, "{nobody:?}");
    }
}

#[tokio::test]
async fn nothing_is_written_and_nothing_made() {
    let dir = tempfile::tempdir().unwrap();
    let url = paid(dir.path()).await;
    let sql = "INSERT INTO paid (viewer) VALUES (:viewer) RETURNING 1 AS allow";
    assert!(open(&url, sql).first(&[Some("mallory")]).await.is_err());
    let count = open(&url, "SELECT count(*) AS n FROM paid WHERE :viewer = ''");
    let row = count.first(&[Some("")]).await.unwrap().unwrap();
    assert_eq!(row.cell("n"), Some(Cell::Integer(2)));
    let none = dir.path().join("none.db");
    let missing = open(&format!("sqlite:{}", none.display()), "SELECT :viewer");
    assert!(missing.first(&[Some("alice")]).await.is_err());
    assert!(!none.exists());
}

#[tokio::test]
async fn a_column_that_stands_twice_is_not_one_that_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let url = paid(dir.path()).await;
    let query = open(&url, "SELECT 0 AS allow, 1 AS allow WHERE :viewer <> ''");
    let row = query.first(&[Some("alice")]).await.unwrap().unwrap();
    assert_eq!(row.cell("allow"), Some(Cell::Twice));
    assert_eq!((row.cell("other"), row.text("allow")), (None, None));
    let query = open(&url, "SELECT 'x' AS Allow WHERE :viewer <> ''");
    let row = query.first(&[Some("alice")]).await.unwrap().unwrap();
    assert_eq!(
        row.text("allow").unwrap().expose(),
        "x",
        "however it is spelled"
    );
    let query = open(&url, "SELECT 0 AS ALLOW, 1 AS allow WHERE :viewer <> ''");
    let row = query.first(&[Some("alice")]).await.unwrap().unwrap();
    assert_eq!(row.cell("allow"), Some(Cell::Twice));
}
