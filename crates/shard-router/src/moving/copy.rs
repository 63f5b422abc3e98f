//! Rows from the source to the target: all of them once, then those that the source's log names, as they are now.

use std::collections::{BTreeMap, BTreeSet};

use model::Bucket;
use store::schema::Table;
use store::tables::bucket_owner::State;
use store::transfer::{self, Entry, Hold};
use store::{Engine, Row, Value, key, transact};
use tokio::time::Instant;

use super::drive::Drive;
use super::stop::Stop;

/// Log entries looked at in one go.
const ENTRIES: u32 = 512;

/// A row by table, bucket and the encoded rest of its key.
pub(super) type RowName = (&'static str, Bucket, Vec<u8>);

/// Rows of a table by their encoded keys.
type Named = (&'static Table, BTreeSet<Vec<u8>>);

impl Drive<'_> {
    /// Deletes what the target has of the buckets, then copies every row.
    pub(super) async fn copy_all(&mut self) -> Result<(), Stop> {
        let buckets = self.batch.set();
        for (bucket, _) in transfer::counts(&*self.target, &buckets).await?.into_keys() {
            self.purge(&*self.target, self.hold(bucket, State::Importing)).await?;
        }
        // Most buckets have rows in a few tables only. What comes into the others from now on, the log names.
        let since = Instant::now();
        let full = transfer::counts(&*self.source, &buckets).await?;
        self.rest(self.pace.after(since)).await;
        let total = full.values().sum();
        self.figures.rows_total = total;
        self.figures.rows_copied = 0;
        self.note().await?;
        let mut page = Page::default();
        for (place, table) in transfer::tables().enumerate() {
            let buckets: Vec<Bucket> = full.keys().filter(|key| key.1 == place).map(|key| key.0).collect();
            self.copy_table(table, &buckets, &mut page).await?;
        }
        self.send(&mut page).await
    }

    async fn copy_table(&mut self, table: &'static Table, buckets: &[Bucket], page: &mut Page) -> Result<(), Stop> {
        let limit = self.mover.settings().page_rows;
        let asked = Instant::now();
        let firsts = transfer::first_pages(&*self.source, table, buckets, limit).await?;
        self.rest_after_page(asked, firsts.values().map(Vec::len).sum()).await;
        for (bucket, mut rows) in firsts {
            while let Some(last) = rows.last().cloned() {
                let ended = rows.len() < limit as usize;
                page.add(table, bucket, rows);
                if page.rows >= limit as usize {
                    self.send(page).await?;
                }
                if ended {
                    break;
                }
                let asked = Instant::now();
                rows = transfer::next_page(&*self.source, table, bucket, &last, limit).await?;
                self.rest_after_page(asked, rows.len()).await;
            }
        }
        Ok(())
    }

    /// Rests, and lets moves pass that writers wait for.
    async fn rest_after_page(&mut self, asked: Instant, rows: usize) {
        let rest = self.pace.after_page(asked, rows);
        self.rest(rest).await;
        self.mover.let_pass().await;
    }

    async fn send(&mut self, page: &mut Page) -> Result<(), Stop> {
        let page = std::mem::take(page);
        let rows = page.rows as u64;
        if rows == 0 {
            return Ok(());
        }
        let holds: Vec<Hold> = page.buckets.iter().map(|bucket| self.hold(*bucket, State::Importing)).collect();
        let filled = transact(&*self.target, move |tx| {
            Box::pin(async move {
                transfer::require(tx, &holds).await?;
                for (table, rows) in page.tables.into_values() {
                    transfer::fill(tx, table, rows).await?;
                }
                Ok(())
            })
        });
        let since = Instant::now();
        filled.await?;
        self.figures.rows_copied += rows;
        self.rest(self.pace.after(since)).await;
        self.note_now_and_then().await
    }

    /// Carries over what the log names, until no bucket has more than `enough` entries in one look.
    pub(super) async fn catch_up(&mut self, enough: usize) -> Result<(), Stop> {
        loop {
            let mut log = BTreeMap::new();
            for bucket in transfer::logged(&*self.source, &self.batch.set()).await? {
                log.insert(bucket, transfer::log(&*self.source, bucket, ENTRIES).await?);
            }
            let ended = log.values().all(|entries| entries.len() <= enough);
            self.carry(log).await?;
            if ended {
                return Ok(());
            }
        }
    }

    /// Carries over the rows of some log entries, then forgets the entries. In this order: what is lost between is done again.
    async fn carry(&mut self, log: BTreeMap<Bucket, Vec<Entry>>) -> Result<(), Stop> {
        if log.is_empty() {
            return Ok(());
        }
        let mut named: BTreeMap<(&'static str, Bucket), Named> = BTreeMap::new();
        for (bucket, entries) in &log {
            for Entry { table, key, .. } in entries {
                let keys = named.entry((table.name, *bucket)).or_insert_with(|| (*table, BTreeSet::new()));
                keys.1.insert(key::encode(key)?);
            }
        }
        let (mut puts, mut removals) = (Vec::new(), Vec::new());
        for ((name, bucket), (table, keys)) in named {
            if let Some(touched) = &mut self.touched {
                touched.extend(keys.iter().map(|key| (name, bucket, key.clone())));
            }
            let keys = keys.iter().map(|encoded| key::decode(encoded)).collect::<store::Result<Vec<_>>>()?;
            let rows = transfer::rows(&*self.source, table, bucket, &keys).await?;
            let there: Vec<Vec<Value>> = rows.iter().map(|row| transfer::key_of(table, row)).collect();
            let gone: Vec<Vec<Value>> = keys.into_iter().filter(|key| !there.contains(key)).collect();
            puts.push((table, rows));
            if !gone.is_empty() {
                removals.push((table, bucket, gone));
            }
        }
        let holds: Vec<Hold> = log.keys().map(|bucket| self.hold(*bucket, State::Importing)).collect();
        let written = transact(&*self.target, move |tx| {
            Box::pin(async move {
                transfer::require(tx, &holds).await?;
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
        let token = self.batch.token;
        let forgotten = transact(&*self.source, move |tx| {
            Box::pin(async move {
                transfer::require_token(tx, &log.keys().copied().collect::<Vec<_>>(), token).await?;
                for (bucket, entries) in log {
                    transfer::forget(tx, bucket, &entries).await?;
                }
                Ok(())
            })
        });
        forgotten.await?;
        Ok(())
    }

    /// Deletes all rows of a bucket that we hold, in short transactions.
    pub(super) async fn purge(&self, engine: &dyn Engine, hold: Hold) -> Result<(), Stop> {
        let limit = self.mover.settings().page_rows;
        loop {
            let purged = transact(engine, move |tx| {
                Box::pin(async move {
                    transfer::require(tx, &[hold]).await?;
                    transfer::purge_some(tx, hold.bucket, limit).await
                })
            });
            let since = Instant::now();
            if !purged.await?.0 {
                return Ok(());
            }
            self.rest(self.pace.after(since)).await;
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
