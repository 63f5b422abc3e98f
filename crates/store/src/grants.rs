//! What each service's role may do in a shard, table by table: applied by the router after the migrations, where the engine has
//! roles and the roles are there.
//!
//! The catalog is the router's alone: no other role gets anything in it.

use std::collections::BTreeSet;

use crate::{Engine, Result, transact};

/// The role of user-service.
pub const USER_SERVICE: &str = "myriad_user_service";
/// The role of session-service.
pub const SESSION_SERVICE: &str = "myriad_session_service";

/// Rights of one role on one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Who.
    pub role: &'static str,
    /// On which table.
    pub table: &'static str,
    /// What.
    pub verbs: &'static [&'static str],
}

const fn grant(role: &'static str, table: &'static str, verbs: &'static [&'static str]) -> Grant {
    Grant { role, table, verbs }
}

/// Rows are read, and nothing else.
const R: &[&str] = &["SELECT"];
/// Rows are only added.
const A: &[&str] = &["INSERT"];
/// Rows are read and changed.
const RW: &[&str] = &["SELECT", "UPDATE"];
/// Rows are read, added and changed; they stay.
const RAW: &[&str] = &["SELECT", "INSERT", "UPDATE"];
/// Rows come and go.
const RAD: &[&str] = &["SELECT", "INSERT", "DELETE"];
/// All that can be done to rows.
const ALL: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE"];

/// Every right in a shard. Users stay as tombstones, so nobody deletes one; owner rows and the change log are the router's,
/// but whoever writes to a bucket that is being copied logs it.
pub const SHARD: &[Grant] = &[
    grant(USER_SERVICE, "meta", R),
    grant(USER_SERVICE, "bucket_owner", R),
    grant(USER_SERVICE, "users", RAW),
    grant(USER_SERVICE, "credentials", ALL),
    grant(USER_SERVICE, "email_claims", ALL),
    grant(USER_SERVICE, "sessions", RW),
    grant(USER_SERVICE, "images", ALL),
    grant(USER_SERVICE, "outbox", ALL),
    grant(USER_SERVICE, "inbox", RAD),
    grant(USER_SERVICE, "idempotency", ALL),
    grant(USER_SERVICE, "change_log", A),
    grant(SESSION_SERVICE, "meta", R),
    grant(SESSION_SERVICE, "bucket_owner", R),
    grant(SESSION_SERVICE, "users", RW),
    grant(SESSION_SERVICE, "credentials", RW),
    grant(SESSION_SERVICE, "email_claims", R),
    grant(SESSION_SERVICE, "sessions", ALL),
    grant(SESSION_SERVICE, "idempotency", ALL),
    grant(SESSION_SERVICE, "change_log", A),
];

/// Gives the roles that exist what the list says and takes from them what it does not. Writes nothing where all is so already, or
/// where the engine knows no roles. True: something was changed.
///
/// # Errors
/// `Unusable` where this process's role does not own the tables.
pub async fn apply(engine: &dyn Engine, grants: &[Grant]) -> Result<bool> {
    let Some(asked) = engine.dialect().grants else { return Ok(false) };
    let mut roles = BTreeSet::new();
    let mut present = BTreeSet::new();
    for row in engine.query(asked, Vec::new()).await? {
        let (role, table, verb) = (row.text(0)?, row.text(1)?, row.text(2)?);
        if table.is_empty() {
            roles.insert(role);
        } else {
            present.insert((role, table, verb));
        }
    }
    let ours = |role: &String| grants.iter().any(|grant| grant.role == role);
    let wanted: BTreeSet<_> = grants
        .iter()
        .filter(|grant| roles.contains(grant.role))
        .flat_map(|grant| {
            grant.verbs.iter().map(|verb| (grant.role.to_owned(), grant.table.to_owned(), (*verb).to_owned()))
        })
        .collect();
    // Names of the list and of the database's own catalog; quoted all the same.
    let given =
        wanted.difference(&present).map(|(role, table, verb)| format!("GRANT {verb} ON \"{table}\" TO \"{role}\""));
    let taken = present.difference(&wanted).filter(|(role, ..)| ours(role));
    let taken = taken.map(|(role, table, verb)| format!("REVOKE {verb} ON \"{table}\" FROM \"{role}\""));
    let statements: Vec<String> = given.chain(taken).collect();
    if statements.is_empty() {
        return Ok(false);
    }
    tracing::info!(store.name = engine.name(), grants = statements.len(), "setting the roles' rights");
    transact(engine, move |tx| {
        Box::pin(async move {
            // Two routers at once would change the same rows of the database's own catalog.
            tx.lock(&[crate::Lock::Schema]).await?;
            for statement in statements {
                tx.define(&statement).await?;
            }
            Ok(())
        })
    })
    .await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Table;

    #[test]
    fn rights_are_on_tables_that_exist_and_each_once() {
        let mut seen = BTreeSet::new();
        for grant in SHARD {
            assert!(grant.table == "meta" || Table::named(grant.table).is_some(), "{}", grant.table);
            assert!(seen.insert((grant.role, grant.table)), "{grant:?} twice");
        }
    }

    #[test]
    fn nobody_deletes_users_or_changes_owners() {
        for grant in SHARD {
            assert!(grant.table != "users" || !grant.verbs.contains(&"DELETE"), "{grant:?}");
            assert!(grant.table != "bucket_owner" || grant.verbs == R, "{grant:?}");
        }
    }
}
