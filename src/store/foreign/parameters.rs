//! `:name` in a query becomes `$n`, outside of quotes and comments. What a value is never becomes text.
//!
//! Must not know: values, or what the query asks.

use super::config::ForeignFault;

/// A query as databases take it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) sql: String,
    /// For `$1` and so on, which of the names it is.
    pub(super) values: Vec<usize>,
}

/// A piece of a query.
enum Piece<'q> {
    /// Stays as it is.
    Text(&'q str),
    /// `:name`.
    Name(&'q str),
    /// The end of a statement.
    End,
}

impl Parameters {
    /// Reads a query that may use `names` and must use the first of them.
    pub(super) fn read(query: &str, names: &[&str]) -> Result<Self, ForeignFault> {
        let (mut sql, mut values) = (String::new(), Vec::new());
        let (mut rest, mut is_over) = (query, false);
        while !rest.is_empty() {
            let (piece, after) = next(rest)?;
            rest = after;
            match piece {
                Piece::End => is_over = true,
                Piece::Text(text) if is_over && text.trim().is_empty() => {}
                Piece::Text(_) | Piece::Name(_) if is_over => return Err(ForeignFault::Several),
                Piece::Text(text) => sql.push_str(text),
                Piece::Name(name) => {
                    let number = number(name, names, &mut values)?;
                    sql.push_str(&format!("${number}"));
                }
            }
        }
        let must = names.first().filter(|_| !values.contains(&0));
        match must {
            Some(name) => Err(ForeignFault::Unused((*name).to_owned())),
            None => Ok(Self { sql, values }),
        }
    }
}

/// The number of a parameter: a name that comes again has the same.
fn number(name: &str, names: &[&str], values: &mut Vec<usize>) -> Result<usize, ForeignFault> {
    let found = names.iter().position(|known| *known == name);
    let at = found.ok_or_else(|| {
        let known: Vec<String> = names.iter().map(|name| format!(":{name}")).collect();
        ForeignFault::Parameter(name.to_owned(), format!("there are {}", known.join(", ")))
    })?;
    let number = values.iter().position(|value| *value == at);
    Ok(number.map_or_else(
        || {
            values.push(at);
            values.len()
        },
        |number| number + 1,
    ))
}

/// The first piece of `rest`, which is not empty, and what is after it.
fn next(rest: &str) -> Result<(Piece<'_>, &str), ForeignFault> {
    let cut = |at: usize| (Piece::Text(&rest[..at]), &rest[at..]);
    for (open, close, name) in [
        ("--", "\n", ""),
        ("/*", "*/", "a comment"),
        ("'", "'", "a quote"),
        ("\"", "\"", "a quoted name"),
    ] {
        if let Some(inside) = rest.strip_prefix(open) {
            // A doubled quote ends one and begins the next: the same in the end.
            return match inside.find(close) {
                Some(at) => Ok(cut(open.len() + at + close.len())),
                None if name.is_empty() => Ok(cut(rest.len())),
                None => Err(ForeignFault::Open(name)),
            };
        }
    }
    if let Some(tag) = dollar_tag(rest) {
        let inside = rest[tag.len()..].find(tag);
        let at = inside.ok_or(ForeignFault::Open("a quote"))?;
        return Ok(cut(2 * tag.len() + at));
    }
    if rest.starts_with("::") {
        return Ok(cut(2));
    }
    let first = rest.chars().next().unwrap_or_default();
    match (first, rest[first.len_utf8()..].split(is_no_word).next()) {
        (':', Some(name)) if is_name(name) => Ok((Piece::Name(name), &rest[1 + name.len()..])),
        (';', _) => Ok((Piece::End, &rest[1..])),
        ('?' | '$' | '@', Some(word)) if word.starts_with(|c: char| c.is_ascii_digit()) => {
            Err(ForeignFault::Positional(first))
        }
        // A word is taken whole: what is in the middle of one begins nothing.
        (_, Some(word)) if !is_no_word(first) => Ok(cut(first.len_utf8() + word.len())),
        _ => Ok(cut(first.len_utf8())),
    }
}

/// Not the end of a slice: `x[1:2]`.
fn is_name(word: &str) -> bool {
    !word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit())
}

fn is_no_word(c: char) -> bool {
    !(c.is_alphanumeric() || c == '_')
}

/// `$tag$` of Postgres' quotes.
fn dollar_tag(rest: &str) -> Option<&str> {
    let inside = rest.strip_prefix('$')?;
    let end = inside.find('$')?;
    let is_tag = inside[..end].chars().all(|c| !is_no_word(c))
        && !inside.starts_with(|c: char| c.is_ascii_digit());
    is_tag.then(|| &rest[..end + 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["viewer", "stream", "scheme"];

    fn read(query: &str) -> Result<(String, Vec<usize>), String> {
        let read = Parameters::read(query, &NAMES);
        read.map(|it| (it.sql, it.values))
            .map_err(|it| it.to_string())
    }

    #[test]
    fn names_become_numbers() {
        let query =
            "SELECT true AS allow FROM paid WHERE v=:viewer AND s LIKE :stream OR w=:viewer";
        let sql = "SELECT true AS allow FROM paid WHERE v=$1 AND s LIKE $2 OR w=$1";
        assert_eq!(read(query).unwrap(), (sql.to_owned(), vec![0, 1]));
        let query = "SELECT :stream::text, :viewer::bigint";
        let sql = "SELECT $1::text, $2::bigint";
        assert_eq!(read(query).unwrap(), (sql.to_owned(), vec![1, 0]));
    }

    #[test]
    fn quotes_and_comments_stay() {
        for kept in [
            "':stream'",
            "'it''s :stream'",
            "\":stream\"",
            "-- :stream ;\n",
            "/* :stream ; */",
            "$$ :stream ; $$",
            "$a$ :stream $$ ; $a$",
            "a::stream",
            "x[1:2]",
        ] {
            let query = format!("SELECT {kept} , :viewer");
            let sql = format!("SELECT {kept} , $1");
            assert_eq!(read(&query), Ok((sql, vec![0])), "{kept}");
        }
        assert!(read("SELECT :viewer -- and so on").is_ok());
    }

    #[test]
    fn what_is_no_query_of_ours_is_told() {
        for (query, says) in [
            ("SELECT true", "does not use :viewer"),
            ("SELECT :viewr, :viewer", "no parameter :viewr"),
            ("SELECT :viewer; DROP TABLE x", "one statement"),
            ("SELECT :viewer; :viewer", "one statement"),
            ("SELECT :viewer = 'a", "a quote does not end"),
            ("SELECT :viewer /* a", "a comment does not end"),
            ("SELECT \":viewer", "a quoted name does not end"),
            ("SELECT $a$ :viewer", "a quote does not end"),
            ("SELECT $1, :viewer", "not as $"),
            ("SELECT ?1, :viewer", "not as ?"),
        ] {
            let error = read(query).unwrap_err();
            assert!(error.contains(says), "{query}: {error}");
        }
        assert!(read("SELECT :viewer ; \n").is_ok());
    }
}
