//! A connection and what runs on it: statements prepared once, values bound by number, rows read out.

use std::collections::HashMap;

use rusqlite::{
    CachedStatement, Connection, ToSql,
    types::{ToSqlOutput, ValueRef},
};
use store::{Error, Result, Row, Value};

use crate::{dialect, error};

/// A connection. Used by one thread at a time.
pub struct Session {
    connection: Connection,
    /// The statements met so far in SQLite's own form.
    numbered: HashMap<&'static str, String>,
}

impl Session {
    /// A session on a connection of `open`.
    pub fn new(connection: Connection) -> Self {
        Self { connection, numbered: HashMap::new() }
    }

    /// Runs a reading statement; one that would write is refused before it runs.
    pub fn query(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>> {
        let mut statement = self.prepare(sql, params)?;
        if !statement.readonly() {
            return Err(Error::Fault("a reading call was given a statement that writes".to_owned()));
        }
        collect(&mut statement)
    }

    /// Runs a writing statement: rows changed.
    pub fn execute(&mut self, sql: &'static str, params: &[Value]) -> Result<u64> {
        let changed = self.prepare(sql, params)?.raw_execute().map_err(|error| error::statement(&error))?;
        Ok(changed as u64)
    }

    /// Runs a writing statement that returns rows.
    pub fn returning(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>> {
        collect(&mut self.prepare(sql, params)?)
    }

    /// Runs a statement of a migration.
    pub fn define(&mut self, sql: &str) -> Result<()> {
        self.connection.execute_batch(sql).map_err(|error| error::statement(&error))
    }

    /// Runs BEGIN, COMMIT and their like, with SQLite's own error.
    pub fn control(&mut self, sql: &'static str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.raw_execute().map(drop)
    }

    /// Whether no transaction is open. SQLite ends one by itself after some errors.
    pub fn is_idle(&self) -> bool {
        self.connection.is_autocommit()
    }

    /// Rows changed since the connection was opened, also those taken back since.
    pub fn changes(&self) -> u64 {
        self.connection.total_changes()
    }

    fn prepare(&mut self, sql: &'static str, params: &[Value]) -> Result<CachedStatement<'_>> {
        let numbered = self.numbered.entry(sql).or_insert_with(|| dialect::numbered(sql));
        let mut statement = self.connection.prepare_cached(numbered).map_err(|error| error::statement(&error))?;
        if statement.parameter_count() != params.len() {
            let wanted = statement.parameter_count();
            return Err(Error::Fault(format!("a statement with {wanted} parameters was given {}", params.len())));
        }
        for (index, value) in params.iter().enumerate() {
            statement.raw_bind_parameter(index + 1, Bound(value)).map_err(|error| error::statement(&error))?;
        }
        Ok(statement)
    }
}

fn collect(statement: &mut CachedStatement<'_>) -> Result<Vec<Row>> {
    let width = statement.column_count();
    let mut found = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(|error| error::statement(&error))? {
        let mut columns = Vec::with_capacity(width);
        for index in 0..width {
            columns.push(value(row.get_ref(index).map_err(|error| error::statement(&error))?)?);
        }
        found.push(Row::new(columns));
    }
    Ok(found)
}

fn value(found: ValueRef<'_>) -> Result<Value> {
    match found {
        // SQLite's null has no type; a null of any type reads as null.
        ValueRef::Null => Ok(Value::Int(None)),
        ValueRef::Integer(int) => Ok(Value::from(int)),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Value::from(text)),
            Err(_) => Err(Error::Corrupt("text that is not UTF-8".to_owned())),
        },
        ValueRef::Blob(bytes) => Ok(Value::from(bytes)),
        ValueRef::Real(_) => Err(Error::Corrupt("a floating-point number".to_owned())),
    }
}

struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Int(Some(int)) => ValueRef::Integer(*int),
            Value::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Value::Blob(Some(bytes)) => ValueRef::Blob(bytes),
            Value::Int(None) | Value::Text(None) | Value::Blob(None) => ValueRef::Null,
        }))
    }
}
