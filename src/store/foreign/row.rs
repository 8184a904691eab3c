//! A row whose columns nobody declared: truth values and whole numbers are read, other kinds named.
//!
//! Must not know: what a column means.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Column, Decode, Row, Type, TypeInfo as _, ValueRef as _};

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
        read(row, |kind, at| match kind {
            "BOOLEAN" => row.try_get(at).map(Cell::Bool),
            "INTEGER" => row.try_get(at).map(Cell::Integer),
            _ => Ok(Cell::Other),
        })
    }

    pub(super) fn of_postgres(row: &PgRow) -> Self {
        read(row, |kind, at| match kind {
            "BOOL" => row.try_get(at).map(Cell::Bool),
            "INT8" => row.try_get(at).map(Cell::Integer),
            "INT4" => whole::<i32, _>(row, at),
            "INT2" => whole::<i16, _>(row, at),
            _ => Ok(Cell::Other),
        })
    }
}

fn whole<'r, T, R>(row: &'r R, at: usize) -> Result<Cell, sqlx::Error>
where
    R: Row,
    usize: sqlx::ColumnIndex<R>,
    T: Into<i64> + Decode<'r, R::Database> + Type<R::Database>,
{
    row.try_get::<T, _>(at).map(|it| Cell::Integer(it.into()))
}

/// What `cell` makes of each value that is there, by its kind and its place.
fn read<R>(row: &R, cell: impl Fn(&str, usize) -> Result<Cell, sqlx::Error>) -> ForeignRow
where
    R: Row,
    usize: sqlx::ColumnIndex<R>,
{
    let value = |at: usize| {
        let raw = row.try_get_raw(at)?;
        match raw.is_null() {
            true => Ok(Cell::Null),
            false => cell(raw.type_info().name(), at),
        }
    };
    let columns = row.columns().iter().enumerate();
    let cells = columns.map(|(at, column)| {
        let cell: Result<Cell, sqlx::Error> = value(at);
        (column.name().to_owned(), cell.unwrap_or(Cell::Other))
    });
    ForeignRow(cells.collect())
}
