//! A server's database, read and written as another program would.
//!
//! Must not know: what a table means.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};

/// Runs statements on the database at `url`, which is made if it is a file.
pub(crate) async fn run(url: &str, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("sqlite:") {
        let url = format!("{url}?mode=rwc");
        let mut on = SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut on).await.unwrap();
        on.close().await.unwrap();
    } else {
        let mut on = PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut on).await.unwrap();
        on.close().await.unwrap();
    }
}

/// The number that a query gives.
pub(crate) async fn number(url: &str, sql: &str) -> i64 {
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("sqlite:") {
        let mut on = SqliteConnection::connect(url).await.unwrap();
        sqlx::query(sql).fetch_one(&mut on).await.unwrap().get(0)
    } else {
        let mut on = PgConnection::connect(url).await.unwrap();
        sqlx::query(sql).fetch_one(&mut on).await.unwrap().get(0)
    }
}

/// The rows of two numbers that a query gives.
pub(crate) async fn pairs(url: &str, sql: &str) -> Vec<(i64, i64)> {
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("sqlite:") {
        let mut on = SqliteConnection::connect(url).await.unwrap();
        sqlx::query_as(sql).fetch_all(&mut on).await.unwrap()
    } else {
        let mut on = PgConnection::connect(url).await.unwrap();
        sqlx::query_as(sql).fetch_all(&mut on).await.unwrap()
    }
}
