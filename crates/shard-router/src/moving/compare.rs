//! Whether both sides hold the same rows, value by value. A row that differs because it has just been changed is not a fault; one that
//! goes on differing although nobody touches it is, and the move is undone with its name.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::time::Duration;

use model::Bucket;
use store::schema::Table;
use store::transfer;
use store::{Engine, Row, Value, key};
use tokio::time::{Instant, sleep};

use super::copy::RowName;
use super::drive::Drive;
use super::stop::Stop;

/// How often rows that differ are looked at again, with the log carried over in between.
const LOOKS: u32 = 5;
const BETWEEN: Duration = Duration::from_millis(20);
/// More rows than this do not differ by chance.
const MANY: usize = 10_000;
/// Of more rows than this no digest is asked for: one statement would take too long for a server that others ask too.
const DIGESTED: u64 = 200_000;

impl Drive<'_> {
    /// Compares every row while both sides live. From its beginning on, what is touched is noted for [`Drive::verify_touched`].
    pub(super) async fn verify_live(&mut self) -> Result<(), Stop> {
        self.touched = Some(BTreeSet::new());
        let mut differing = self.compare_all().await?;
        for _ in 0..LOOKS {
            if differing.is_empty() {
                return Ok(());
            }
            self.catch_up(0).await?;
            if let Some(touched) = &self.touched {
                differing.retain(|name| !touched.contains(name));
            }
            differing = self.still_differing(differing).await?;
            sleep(BETWEEN).await;
        }
        differing.first().map_or(Ok(()), |name| Err(differs(name)))
    }

    /// Under the fence: compares what was touched since the live comparison, or everything where that is not known, and the counts.
    pub(super) async fn verify_touched(&mut self) -> Result<(), Stop> {
        let differing = match self.touched.take() {
            Some(touched) => self.still_differing(touched).await?,
            None => self.compare_all().await?,
        };
        if let Some(name) = differing.first() {
            return Err(differs(name));
        }
        let buckets = self.batch.set();
        let (here, there) =
            tokio::try_join!(transfer::counts(&*self.source, &buckets), transfer::counts(&*self.target, &buckets))?;
        for key in here.keys().chain(there.keys()) {
            let (here, there) = (here.get(key).copied().unwrap_or(0), there.get(key).copied().unwrap_or(0));
            if here != there {
                let table = transfer::tables().nth(key.1).map_or("?", |table| table.name);
                return Err(Stop::Wrong(format!(
                    "bucket {} has {here} rows of {table} on the source and {there} on the target",
                    key.0
                )));
            }
        }
        Ok(())
    }

    async fn compare_all(&mut self) -> Result<BTreeSet<RowName>, Stop> {
        let mut differing = BTreeSet::new();
        let open = self.not_surely_equal().await?;
        for (place, table) in transfer::tables().enumerate() {
            let buckets: Vec<Bucket> = open.iter().filter(|key| key.1 == place).map(|key| key.0).collect();
            self.compare_table(table, &buckets, &mut differing).await?;
            if differing.len() > MANY {
                return Err(Stop::Wrong(format!("more than {MANY} rows of {} differ", table.name)));
            }
        }
        Ok(differing)
    }

    /// Which tables of which buckets have to be compared row by row: those with rows, but where both engines hash them and come to the same.
    async fn not_surely_equal(&self) -> Result<BTreeSet<(Bucket, usize)>, Stop> {
        let buckets = self.batch.set();
        if self.figures.rows_total <= DIGESTED {
            let since = Instant::now();
            let (here, there) = tokio::try_join!(
                transfer::digests(&*self.source, &buckets),
                transfer::digests(&*self.target, &buckets)
            )?;
            self.rest(self.pace.after(since)).await;
            if let (Some(here), Some(there)) = (here, there) {
                let all = here.keys().chain(there.keys()).copied();
                return Ok(all.filter(|key| here.get(key) != there.get(key)).collect());
            }
        }
        let (here, there) =
            tokio::try_join!(transfer::counts(&*self.source, &buckets), transfer::counts(&*self.target, &buckets))?;
        Ok(here.into_keys().chain(there.into_keys()).collect())
    }

    async fn compare_table(
        &mut self,
        table: &'static Table,
        buckets: &[Bucket],
        differing: &mut BTreeSet<RowName>,
    ) -> Result<(), Stop> {
        let limit = self.mover.settings().page_rows;
        let since = Instant::now();
        let (here, mut there) = tokio::try_join!(
            transfer::first_pages(&*self.source, table, buckets, limit),
            transfer::first_pages(&*self.target, table, buckets, limit)
        )?;
        self.rest(self.pace.after(since)).await;
        for (bucket, rows) in here {
            let here = Side::new(table, bucket, limit, rows);
            let there = Side::new(table, bucket, limit, there.remove(&bucket).unwrap_or_default());
            self.compare_sides(here, there, differing).await?;
        }
        Ok(())
    }

    /// Walks both sides in the order of keys, as one merges two sorted lists.
    async fn compare_sides(
        &mut self,
        mut here: Side,
        mut there: Side,
        differing: &mut BTreeSet<RowName>,
    ) -> Result<(), Stop> {
        let (table, bucket) = (here.table, here.bucket);
        loop {
            if here.is_read() || there.is_read() {
                let since = Instant::now();
                tokio::try_join!(here.fill(&*self.source), there.fill(&*self.target))?;
                self.rest(self.pace.after(since)).await;
            }
            let (name, steps) = match (here.row(), there.row()) {
                (None, None) => return Ok(()),
                (Some(row), None) => (Some(transfer::key_of(table, row)), (true, false)),
                (None, Some(row)) => (Some(transfer::key_of(table, row)), (false, true)),
                (Some(one), Some(other)) => {
                    let (key, other_key) = (transfer::key_of(table, one), transfer::key_of(table, other));
                    match order(&key, &other_key) {
                        Ordering::Less => (Some(key), (true, false)),
                        Ordering::Greater => (Some(other_key), (false, true)),
                        Ordering::Equal => ((one != other).then_some(key), (true, true)),
                    }
                }
            };
            if let Some(key) = name {
                differing.insert((table.name, bucket, key::encode(&key)?));
            }
            if steps.0 {
                here.at += 1;
            }
            if steps.1 {
                there.at += 1;
            }
        }
    }

    /// Of these rows, those that differ now.
    async fn still_differing(&self, names: BTreeSet<RowName>) -> Result<BTreeSet<RowName>, Stop> {
        let mut differing = BTreeSet::new();
        let names: Vec<RowName> = names.into_iter().collect();
        for group in names.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
            let Some((name, bucket, _)) = group.first() else { continue };
            let table = Table::named(name).ok_or_else(|| Stop::Wrong(format!("there is no table {name}")))?;
            let keys = group.iter().map(|(_, _, key)| key::decode(key)).collect::<store::Result<Vec<_>>>()?;
            let (here, there) = tokio::try_join!(
                transfer::rows(&*self.source, table, *bucket, &keys),
                transfer::rows(&*self.target, table, *bucket, &keys)
            )?;
            for (key, (name, bucket, encoded)) in keys.iter().zip(group) {
                let find = |rows: &[Row]| rows.iter().find(|row| transfer::key_of(table, row) == *key).cloned();
                if find(&here) != find(&there) {
                    differing.insert((*name, *bucket, encoded.clone()));
                }
            }
        }
        Ok(differing)
    }
}

fn differs((table, bucket, key): &RowName) -> Stop {
    // Keys are ids, but that of a claim is an e-mail: a print of it is enough to find it by.
    let shown = match key::decode(key) {
        Ok(key) if *table != "email_claims" => key.iter().map(shown).collect::<Vec<_>>().join(", "),
        _ => "hidden".to_owned(),
    };
    Stop::Wrong(format!(
        "a row of {table} in bucket {bucket} differs between source and target and stays so: key {shown}"
    ))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Int(Some(int)) => int.to_string(),
        Value::Text(Some(text)) => text.clone(),
        Value::Blob(Some(bytes)) => format!("{bytes:02x?}"),
        _ => "null".to_owned(),
    }
}

/// The order in which both engines sort: numbers by value, text and bytes by their bytes.
fn order(one: &[Value], other: &[Value]) -> Ordering {
    let compare = |(a, b): (&Value, &Value)| match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.as_deref().map(str::as_bytes).cmp(&b.as_deref().map(str::as_bytes)),
        (Value::Blob(a), Value::Blob(b)) => a.cmp(b),
        _ => Ordering::Equal,
    };
    one.iter().zip(other).map(compare).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// One side's rows, a page at a time.
struct Side {
    table: &'static Table,
    bucket: Bucket,
    limit: u32,
    rows: Vec<Row>,
    at: usize,
}

impl Side {
    /// Beginning with its first page.
    fn new(table: &'static Table, bucket: Bucket, limit: u32, rows: Vec<Row>) -> Self {
        Self { table, bucket, limit, rows, at: 0 }
    }

    fn row(&self) -> Option<&Row> {
        self.rows.get(self.at)
    }

    /// Whether a full page is read to its end: there may be another one.
    fn is_read(&self) -> bool {
        self.at == self.rows.len() && self.at == self.limit as usize
    }

    /// Makes sure that there is a row to look at, unless there is none any more.
    async fn fill(&mut self, engine: &dyn Engine) -> Result<(), Stop> {
        let Some(last) = self.rows.last().filter(|_| self.is_read()) else { return Ok(()) };
        self.rows = transfer::next_page(engine, self.table, self.bucket, last, self.limit).await?;
        self.at = 0;
        Ok(())
    }
}
