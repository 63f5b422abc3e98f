//! The handle through which every row of a bucket is written: it keeps to its bucket and logs each change while the bucket moves.

use model::{Bucket, Epoch};

use crate::{BoxFuture, Error, Ownership, Query, Result, Row, Transaction, Value, schema::Table, tables::change_log};

/// An open transaction on one bucket, after its owner row was checked.
///
/// Rows are changed by the functions in `tables`, which all end in `change` or `change_each`; there is no other way, so no
/// change can be left out of the change log.
pub struct BucketTx<'x> {
    tx: &'x mut dyn Transaction,
    own: Ownership,
    logging: bool,
}

/// Opens the handle once the owner row was checked; private to this crate so that nobody skips the check.
pub(crate) fn open(tx: &mut dyn Transaction, own: Ownership, logging: bool) -> BucketTx<'_> {
    BucketTx { tx, own, logging }
}

impl BucketTx<'_> {
    /// The bucket written to.
    pub const fn bucket(&self) -> Bucket {
        self.own.bucket
    }

    /// The epoch it is owned in.
    pub const fn epoch(&self) -> Epoch {
        self.own.epoch
    }

    /// Runs a statement that changes at most the row of this key; the first parameter is the bucket. Answers the rows changed.
    pub async fn change(
        &mut self,
        table: &'static Table,
        key: &[Value],
        sql: &'static str,
        params: &[Value],
    ) -> Result<u64> {
        self.keep_to_the_bucket(params)?;
        let changed = self.tx.execute(sql, params).await?;
        if self.logging && changed > 0 {
            change_log::append(self.tx, self.own.bucket, table, key).await?;
        }
        Ok(changed)
    }

    /// Runs a statement that changes any number of rows of the bucket and returns, first of all, the table's key columns after
    /// the bucket, in their order. The first parameter is the bucket. Answers the rows returned.
    pub async fn change_each(
        &mut self,
        table: &'static Table,
        sql: &'static str,
        params: &[Value],
    ) -> Result<Vec<Row>> {
        self.keep_to_the_bucket(params)?;
        let rows = self.tx.returning(sql, params).await?;
        if self.logging {
            for row in &rows {
                let key = row
                    .values()
                    .get(..table.key.len() - 1)
                    .ok_or_else(|| Error::Fault(format!("a change of {} does not return its key", table.name)))?;
                change_log::append(self.tx, self.own.bucket, table, key).await?;
            }
        }
        Ok(rows)
    }

    fn keep_to_the_bucket(&self, params: &[Value]) -> Result<()> {
        if params.first() == Some(&Value::from(self.own.bucket)) {
            return Ok(());
        }
        Err(Error::Fault(format!("a change in bucket {} does not name it as its first parameter", self.own.bucket)))
    }
}

impl Query for BucketTx<'_> {
    fn query<'a>(&'a mut self, sql: &'static str, params: &'a [Value]) -> BoxFuture<'a, Result<Vec<Row>>> {
        self.tx.query(sql, params)
    }
}
