//! Rows from the source to the target: all of them once, then those that the source's log names, as they are now.

use std::collections::{BTreeMap, BTreeSet};

use model::Bucket;
use store::schema::Table;
use store::tables::bucket_owner::State;
use store::transfer::{self, Hold};
use store::{Engine, Row, Value, key, transact};
use tokio::time::{Instant, sleep};

use super::drive::Drive;
use super::stop::Stop;

/// Log entries looked at in one go.
const ENTRIES: u32 = 512;

/// A row by table, bucket and the encoded rest of its key.
pub(super) type RowName = (&'static str, Bucket, Vec<u8>);

impl Drive<'_> {
    /// Deletes what the target has of the buckets, then copies every row.
    pub(super) async fn copy_all(&mut self) -> Result<(), Stop> {
        let buckets = self.batch.set();
        for (bucket, _) in transfer::counts(&*self.target, &buckets).await?.into_keys() {
            self.purge(&*self.target, self.hold(bucket, State::Importing)).await?;
        }
        // Most buckets have rows in a few tables only. What comes into the others from now on, the log names.
        let full = transfer::counts(&*self.source, &buckets).await?;
        let total = full.values().sum();
        self.figures.rows_total = total;
        self.figures.rows_copied = 0;
        self.note().await?;
        let mut page = Page::default();
        for (bucket, place) in full.into_keys() {
            if let Some(table) = transfer::tables().nth(place) {
                self.copy_table(table, bucket, &mut page).await?;
            }
        }
        self.send(&mut page).await
    }

    async fn copy_table(&mut self, table: &'static Table, bucket: Bucket, page: &mut Page) -> Result<(), Stop> {
        let limit = self.mover.settings().page_rows;
        let mut after = None;
        loop {
            let asked = Instant::now();
            let rows = transfer::page(&*self.source, table, bucket, after, limit).await?;
            let rest = self.pace.rest(asked);
            let ended = rows.len() < limit as usize;
            after = rows.last().map(|row| transfer::key_of(table, row));
            page.add(table, bucket, rows);
            if page.rows >= limit as usize {
                self.send(page).await?;
            }
            if !rest.is_zero() {
                sleep(rest).await;
            }
            if ended {
                return Ok(());
            }
        }
    }

    async fn send(&mut self, page: &mut Page) -> Result<(), Stop> {
        let page = std::mem::take(page);
        if page.rows == 0 {
            return Ok(());
        }
        let holds: Vec<Hold> = page.buckets.iter().map(|bucket| self.hold(*bucket, State::Importing)).collect();
        let tables = page.tables.into_values();
        self.write_target(holds, tables.collect(), Vec::new()).await?;
        self.figures.rows_copied += page.rows as u64;
        self.note_now_and_then().await
    }

    /// Carries over what the log names, until it has at most `enough` entries in one look. Returns the number of entries.
    pub(super) async fn catch_up(&mut self, enough: usize) -> Result<usize, Stop> {
        let mut carried = 0;
        for bucket in transfer::logged(&*self.source, &self.batch.set()).await? {
            loop {
                let entries = transfer::log(&*self.source, bucket, ENTRIES).await?;
                carried += entries.len();
                self.carry(bucket, &entries).await?;
                if entries.len() <= enough {
                    break;
                }
            }
        }
        Ok(carried)
    }

    /// Carries over the rows of some log entries, then forgets the entries. In this order: what is lost between is done again.
    async fn carry(&mut self, bucket: Bucket, entries: &[transfer::Entry]) -> Result<(), Stop> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut named: BTreeMap<&'static str, (&'static Table, BTreeSet<Vec<u8>>)> = BTreeMap::new();
        for entry in entries {
            let encoded = key::encode(&entry.key)?;
            if let Some(touched) = &mut self.touched {
                touched.insert((entry.table.name, bucket, encoded.clone()));
            }
            named.entry(entry.table.name).or_insert_with(|| (entry.table, BTreeSet::new())).1.insert(encoded);
        }
        let (mut puts, mut removals) = (Vec::new(), Vec::new());
        for (table, keys) in named.into_values() {
            let keys = keys.iter().map(|encoded| key::decode(encoded)).collect::<store::Result<Vec<_>>>()?;
            let rows = transfer::rows(&*self.source, table, bucket, &keys).await?;
            let there: Vec<Vec<Value>> = rows.iter().map(|row| transfer::key_of(table, row)).collect();
            let gone: Vec<Vec<Value>> = keys.into_iter().filter(|key| !there.contains(key)).collect();
            puts.push((table, rows));
            if !gone.is_empty() {
                removals.push((table, bucket, gone));
            }
        }
        self.write_target(vec![self.hold(bucket, State::Importing)], puts, removals).await?;
        let (entries, token) = (entries.to_vec(), self.batch.token);
        let forgotten = transact(&*self.source, move |tx| {
            Box::pin(async move {
                transfer::require_token(tx, bucket, token).await?;
                transfer::forget(tx, bucket, &entries).await
            })
        });
        forgotten.await?;
        Ok(())
    }

    async fn write_target(
        &self,
        holds: Vec<Hold>,
        puts: Vec<(&'static Table, Vec<Row>)>,
        removals: Vec<(&'static Table, Bucket, Vec<Vec<Value>>)>,
    ) -> Result<(), Stop> {
        let written = transact(&*self.target, move |tx| {
            Box::pin(async move {
                for hold in holds {
                    transfer::require(tx, hold).await?;
                }
                for (table, rows) in puts {
                    transfer::put(tx, table, rows).await?;
                }
                for (table, bucket, keys) in removals {
                    transfer::remove(tx, table, bucket, &keys).await?;
                }
                Ok(())
            })
        });
        written.await?;
        Ok(())
    }

    /// Deletes all rows of a bucket that we hold, in short transactions.
    pub(super) async fn purge(&self, engine: &dyn Engine, hold: Hold) -> Result<(), Stop> {
        let limit = self.mover.settings().page_rows;
        loop {
            let purged = transact(engine, move |tx| {
                Box::pin(async move {
                    transfer::require(tx, hold).await?;
                    transfer::purge_some(tx, hold.bucket, limit).await
                })
            });
            if !purged.await?.0 {
                return Ok(());
            }
        }
    }
}

/// Rows of several tables and buckets that are written in one transaction.
#[derive(Default)]
struct Page {
    tables: BTreeMap<&'static str, (&'static Table, Vec<Row>)>,
    buckets: BTreeSet<Bucket>,
    rows: usize,
}

impl Page {
    fn add(&mut self, table: &'static Table, bucket: Bucket, rows: Vec<Row>) {
        if rows.is_empty() {
            return;
        }
        self.rows += rows.len();
        self.buckets.insert(bucket);
        self.tables.entry(table.name).or_insert_with(|| (table, Vec::new())).1.extend(rows);
    }
}
