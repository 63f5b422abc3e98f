//! Where a database is: host, port and name, never who asks.

use std::{fmt, str::FromStr};

/// The address of a database, without credentials: `postgres://host:port/database`, or the same without the scheme.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    /// 5432 where none is said.
    pub port: u16,
    /// The database's name.
    pub database: String,
}

/// Why a text is no location. Never repeats the text: somebody may have put a password into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotALocation {
    /// A user or a password where none belongs.
    #[error(
        "a PostgreSQL location must not have a user or a password: it is kept in the catalog. \
         Write postgres://host:port/database and set the credentials in `engines.postgres`"
    )]
    Credentials,
    /// Anything else.
    #[error("a PostgreSQL location is written postgres://host:port/database, with nothing after the database's name")]
    Form,
}

impl FromStr for Location {
    type Err = NotALocation;

    fn from_str(text: &str) -> Result<Self, NotALocation> {
        let rest = ["postgres://", "postgresql://"].iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
        if rest.contains('@') {
            return Err(NotALocation::Credentials);
        }
        let (server, database) = rest.split_once('/').ok_or(NotALocation::Form)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if database.is_empty() || !database.chars().all(plain) {
            return Err(NotALocation::Form);
        }
        let (host, port) = match server.strip_prefix('[') {
            Some(address) => {
                let (host, port) = address.split_once(']').ok_or(NotALocation::Form)?;
                (host, port.strip_prefix(':').or(port.is_empty().then_some("5432")))
            }
            None => server.split_once(':').map_or((server, Some("5432")), |(host, port)| (host, Some(port))),
        };
        let port = port.and_then(|port| port.parse().ok()).filter(|port| *port > 0).ok_or(NotALocation::Form)?;
        if host.is_empty() || !host.chars().all(|c| plain(c) || c == ':') {
            return Err(NotALocation::Form);
        }
        Ok(Self { host: host.to_owned(), port, database: database.to_owned() })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, database } = self;
        if host.contains(':') {
            return write!(f, "postgres://[{host}]:{port}/{database}");
        }
        write!(f, "postgres://{host}:{port}/{database}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_read_with_and_without_scheme_and_port() {
        for (text, shown) in [
            ("postgres://db-0.data.svc:6432/shard_0", "postgres://db-0.data.svc:6432/shard_0"),
            ("db:5433/shard", "postgres://db:5433/shard"),
            ("postgresql://db/shard", "postgres://db:5432/shard"),
            ("postgres://[::1]:7/a", "postgres://[::1]:7/a"),
            ("[fe80::2]/a", "postgres://[fe80::2]:5432/a"),
        ] {
            assert_eq!(text.parse::<Location>().map(|location| location.to_string()), Ok(shown.to_owned()), "{text}");
        }
    }

    #[test]
    fn credentials_are_refused_and_not_repeated() {
        let refused = "postgres://me:hunter2@db/shard".parse::<Location>().unwrap_err();
        assert_eq!(refused, NotALocation::Credentials);
        assert!(!refused.to_string().contains("hunter2"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "db", "db/", "/shard", "db:0/a", "db:x/a", "db:70000/a", "db/a?sslmode=disable", "[::1/a", "a b/c"]
        {
            assert_eq!(text.parse::<Location>(), Err(NotALocation::Form), "{text}");
        }
    }
}
