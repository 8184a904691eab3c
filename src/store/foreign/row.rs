//! A row whose columns nobody declared: truth values and whole numbers are read, other kinds named.
//!
//! Must not know: what a column means.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _};

/// A value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// NULL.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Another kind.
    Other,
}

/// Columns by name, as the database spells them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignRow(Vec<(String, Cell)>);

impl ForeignRow {
    /// The value of the column of that name; `None` if there is no such column, or there are two.
    pub fn cell(&self, name: &str) -> Option<Cell> {
        let mut found = self.0.iter().filter(|(column, _)| column == name);
        let cell = found.next().map(|(_, cell)| *cell);
        cell.filter(|_| found.next().is_none())
    }

    pub(super) fn of_sqlite(row: &SqliteRow) -> Self {
        let cell = |at: usize| {
            let raw = row.try_get_raw(at).ok()?;
            if raw.is_null() {
                return Some(Cell::Null);
            }
            let kind = raw.type_info().name().to_owned();
            match kind.as_str() {
                "BOOLEAN" => row.try_get(at).ok().map(Cell::Bool),
                "INTEGER" => row.try_get(at).ok().map(Cell::Integer),
                _ => None,
            }
        };
        let columns = row.columns().iter().enumerate();
        let cells = columns.map(|(at, column)| {
            let cell = cell(at).unwrap_or(Cell::Other);
            (column.name().to_owned(), cell)
        });
        Self(cells.collect())
    }

    pub(super) fn of_postgres(row: &PgRow) -> Self {
        let cell = |at: usize| {
            let raw = row.try_get_raw(at).ok()?;
            if raw.is_null() {
                return Some(Cell::Null);
            }
            let kind = raw.type_info().name().to_owned();
            match kind.as_str() {
                "BOOL" => row.try_get(at).ok().map(Cell::Bool),
                "INT8" => row.try_get(at).ok().map(Cell::Integer),
                "INT4" => row
                    .try_get::<i32, _>(at)
                    .ok()
                    .map(|it| Cell::Integer(it.into())),
                "INT2" => row
                    .try_get::<i16, _>(at)
                    .ok()
                    .map(|it| Cell::Integer(it.into())),
                _ => None,
            }
        };
        let columns = row.columns().iter().enumerate();
        let cells = columns.map(|(at, column)| {
            let cell = cell(at).unwrap_or(Cell::Other);
            (column.name().to_owned(), cell)
        });
        Self(cells.collect())
    }
}
