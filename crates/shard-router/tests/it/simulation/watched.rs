//! A transaction whose statements are noted and, in the twins, sabotaged.

use std::sync::{Arc, Mutex};

use store::{BoxFuture, Lock, Query, Result, Row, Transaction, Value, Work};

use super::print::Print;
use super::sabotage::Sabotage;

struct Watched<'t> {
    tx: &'t mut dyn Transaction,
    print: Arc<Mutex<Print>>,
    sabotage: Sabotage,
}

/// The same work with every statement seen.
pub fn watched(work: Work, print: Arc<Mutex<Print>>, sabotage: Sabotage) -> Work {
    Box::new(move |tx| Box::pin(async move { work(&mut Watched { tx, print, sabotage }).await }))
}

impl Watched<'_> {
    fn note(&self, sql: &str, params: &[Value], rows: u64) {
        self.print.lock().unwrap().statement(sql, params, rows);
    }
}

impl Query for Watched<'_> {
    fn query<'a>(&'a mut self, sql: &'static str, params: &'a [Value]) -> BoxFuture<'a, Result<Vec<Row>>> {
        Box::pin(async move {
            let rows = self.tx.query(sql, params).await?;
            self.note(sql, params, rows.len() as u64);
            Ok(rows)
        })
    }
}

impl Transaction for Watched<'_> {
    fn execute<'a>(&'a mut self, sql: &'static str, params: &'a [Value]) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            if self.sabotage.swallows(sql, params) {
                return Ok(1);
            }
            let spoilt = self.sabotage.spoilt(sql, params);
            let changed = self.tx.execute(sql, spoilt.as_deref().unwrap_or(params)).await?;
            self.note(sql, params, changed);
            if let Some((more, values)) = self.sabotage.follows(sql, params) {
                self.tx.execute(more, &values).await?;
            }
            Ok(changed)
        })
    }

    fn returning<'a>(&'a mut self, sql: &'static str, params: &'a [Value]) -> BoxFuture<'a, Result<Vec<Row>>> {
        Box::pin(async move {
            let rows = self.tx.returning(sql, params).await?;
            self.note(sql, params, rows.len() as u64);
            Ok(rows)
        })
    }

    fn lock<'a>(&'a mut self, locks: &'a [Lock]) -> BoxFuture<'a, Result<()>> {
        self.tx.lock(locks)
    }

    fn define<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        self.tx.define(sql)
    }
}
