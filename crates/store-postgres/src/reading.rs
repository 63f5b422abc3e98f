//! Whether a statement only reads, told by its words.
//!
//! Inside a write transaction PostgreSQL can only be asked to refuse writes for a while by a savepoint, two round trips more. All our
//! statements are `'static` and few, so their words say it: less than a microsecond for each. It errs on the side of refusing,
//! which the first test of a new statement shows. Outside of transactions it is the first fence only: the connections that
//! read are read-only on the server.

/// Words that write, define, lock or call something that does.
const WRITING: [&str; 22] = [
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "TRUNCATE",
    "CREATE",
    "ALTER",
    "DROP",
    "GRANT",
    "REVOKE",
    "COPY",
    "CALL",
    "DO",
    "LOCK",
    "INTO",
    "SHARE",
    "NEXTVAL",
    "SETVAL",
    "SET_CONFIG",
    "REFRESH",
    "BEGIN",
    "COMMIT",
];

/// True for a SELECT or VALUES, also behind WITH, in which no word writes. Text in quotes does not count.
pub fn only_reads(sql: &str) -> bool {
    let mut words = Words { rest: sql };
    let first = words.next().is_some_and(|word| is_one_of(word, &["SELECT", "WITH", "VALUES"]));
    first && words.all(|word| !is_one_of(word, &WRITING))
}

fn is_one_of(word: &str, list: &[&str]) -> bool {
    list.iter().any(|listed| listed.eq_ignore_ascii_case(word))
}

struct Words<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let start = self.rest.find(|c: char| c.is_alphabetic() || c == '_' || c == '\'' || c == '"')?;
            let from = &self.rest[start..];
            let quote = from.chars().next().filter(|c| matches!(c, '\'' | '"'));
            if let Some(quote) = quote {
                // A doubled quote is two texts side by side: the same to us. Without an end, all of it is text.
                let end = from[1..].find(quote).map_or(from.len(), |at| at + 2);
                self.rest = &from[end..];
                continue;
            }
            let end = from.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(from.len());
            self.rest = &from[end..];
            return Some(&from[..end]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_write_are_told_from_those_that_read() {
        for reads in [
            "SELECT 1",
            "  select updated_at, deleted FROM users WHERE state = 'delete from it'",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "VALUES ($1, $2)",
            "SELECT 'it''s an update'",
        ] {
            assert!(only_reads(reads), "{reads}");
        }
        for writes in [
            "",
            "DELETE FROM users",
            "WITH gone AS (DELETE FROM users RETURNING id) SELECT id FROM gone",
            "SELECT id FROM users FOR UPDATE",
            "SELECT id FROM users FOR KEY SHARE",
            "SELECT * INTO other FROM users",
            "SELECT nextval('a')",
            "SELECT 'x'; DROP TABLE users",
            "EXPLAIN ANALYZE DELETE FROM users",
        ] {
            assert!(!only_reads(writes), "{writes}");
        }
    }
}
