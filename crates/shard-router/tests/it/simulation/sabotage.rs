//! What a database of a twin does wrong, so that the checks have something to find.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use store::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    #[default]
    None,
    /// Owner rows are never fenced.
    NoFence,
    /// One entry of the log of changes of `users` in two is not written.
    LostLogEntry,
    /// The copied rows of `users` are changed on their way, where the comparison sees it.
    RuinedCopy,
    /// A bucket's rows of `users` are changed when the target lets its writers in: nobody compares any more.
    RuinedLate,
}

/// One database's. Clones share what they remember.
#[derive(Debug, Clone, Default)]
pub struct Sabotage {
    kind: Kind,
    entries: Arc<AtomicU64>,
    /// The state that each bucket's owner row was given last.
    states: Arc<Mutex<BTreeMap<i64, Value>>>,
}

impl Sabotage {
    pub fn of(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }

    /// Whether a statement is said to be done and is not.
    pub fn swallows(&self, sql: &str, params: &[Value]) -> bool {
        match self.kind {
            Kind::NoFence => is_owner_row(sql, params, "fenced"),
            Kind::LostLogEntry => {
                sql.starts_with("INSERT INTO change_log")
                    && params.get(2) == Some(&"users".into())
                    && self.entries.fetch_add(1, Ordering::Relaxed).is_multiple_of(2)
            }
            _ => false,
        }
    }

    /// The parameters that a statement is done with instead.
    pub fn spoilt(&self, sql: &str, params: &[Value]) -> Option<Vec<Value>> {
        let copies = self.kind == Kind::RuinedCopy && sql.starts_with("INSERT INTO users") && sql.contains("excluded.");
        copies.then(|| {
            let lovelace = Value::from("Lovelace");
            params.iter().map(|value| if *value == lovelace { "L0velace".into() } else { value.clone() }).collect()
        })
    }

    /// What is done in the same transaction after a statement.
    pub fn follows(&self, sql: &str, params: &[Value]) -> Option<(&'static str, Vec<Value>)> {
        if self.kind != Kind::RuinedLate || !sql.starts_with("INSERT INTO bucket_owner") {
            return None;
        }
        let [Value::Int(Some(bucket)), _, state, _] = params else { return None };
        let before = self.states.lock().unwrap().insert(*bucket, state.clone());
        // A target is known by what it was before: the source's writers are let in all the time.
        let lets_in = before == Some("importing".into()) && *state == "logging".into();
        lets_in.then(|| ("UPDATE users SET first_name = 'ruined' WHERE bucket = $1", vec![(*bucket).into()]))
    }
}

fn is_owner_row(sql: &str, params: &[Value], state: &str) -> bool {
    sql.starts_with("INSERT INTO bucket_owner") && params.get(2) == Some(&state.into())
}
