//! A row whose columns nobody declared: truth values, whole numbers and texts are read, other kinds named.
//!
//! Must not know: what a column means.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Column, Decode, Row, Type, TypeInfo as _, ValueRef as _};

use crate::crypto::SecretText;

/// A value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// NULL.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Another kind, a text too.
    Other,
    /// The row has several columns of that name: none of them is it.
    Twice,
}

/// Columns by name, however the database spells it: one spells `AS x` as `x`, another as `X`. A text may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub struct ForeignRow(Vec<(String, Cell, Option<SecretText>)>);

impl ForeignRow {
    /// The value of the column of that name; `None` if there is no such column.
    pub fn cell(&self, name: &str) -> Option<Cell> {
        self.column(name).map(|(cell, _)| cell)
    }

    /// The text in it.
    pub fn text(&self, name: &str) -> Option<&SecretText> {
        self.column(name)?.1
    }

    fn column(&self, name: &str) -> Option<(Cell, Option<&SecretText>)> {
        let is_it = |(column, ..): &&(String, _, _)| column.eq_ignore_ascii_case(name);
        let mut found = self.0.iter().filter(is_it);
        let (_, cell, text) = found.next()?;
        match found.next() {
            None => Some((*cell, text.as_ref())),
            Some(_) => Some((Cell::Twice, None)),
        }
    }

    pub(super) fn of_sqlite(row: &SqliteRow) -> Self {
        let text = |kind: &str, at| (kind == "TEXT").then(|| row.try_get(at).ok()).flatten();
        read(row, text, |kind, at| match kind {
            "BOOLEAN" => row.try_get(at).map(Cell::Bool),
            "INTEGER" => row.try_get(at).map(Cell::Integer),
            _ => Ok(Cell::Other),
        })
    }

    pub(super) fn of_postgres(row: &PgRow) -> Self {
        let is_text = |kind: &str| ["TEXT", "VARCHAR", "CHAR", "NAME"].contains(&kind);
        let text = |kind: &str, at| is_text(kind).then(|| row.try_get(at).ok()).flatten();
        read(row, text, |kind, at| match kind {
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

/// What `text` and `cell` make of each value that is there, by its kind and its place.
fn read<R>(
    row: &R,
    text: impl Fn(&str, usize) -> Option<String>,
    cell: impl Fn(&str, usize) -> Result<Cell, sqlx::Error>,
) -> ForeignRow
where
    R: Row,
    usize: sqlx::ColumnIndex<R>,
{
    let value = |at: usize| {
        let raw = row.try_get_raw(at)?;
        if raw.is_null() {
            return Ok((Cell::Null, None));
        }
        let info = raw.type_info();
        let text = text(info.name(), at).map(SecretText::new);
        cell(info.name(), at).map(|cell| (cell, text))
    };
    let columns = row.columns().iter().enumerate();
    let cells = columns.map(|(at, column)| {
        let value: Result<_, sqlx::Error> = value(at);
        let (cell, text) = value.unwrap_or((Cell::Other, None));
        (column.name().to_owned(), cell, text)
    });
    ForeignRow(cells.collect())
}
