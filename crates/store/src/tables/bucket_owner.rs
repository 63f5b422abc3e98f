//! `bucket_owner`: who may write a bucket here. The row every write transaction looks at first.

use std::collections::HashMap;
use std::sync::LazyLock;

use model::{Bucket, Epoch};

use crate::{
    Error, Lock, Query, Result, Row, Transaction, Value,
    schema::{Column, Moves, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "bucket_owner",
    key: &["bucket"],
    columns: &[Column::int("bucket"), Column::int("epoch"), Column::text("state"), Column::text("mover").or_null()],
    moves: Moves::Itself,
};

/// What a shard may do with a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Read and written here.
    Owned,
    /// Owned, and every change is logged because the bucket is being copied.
    Logging,
    /// Read here, written nowhere: the move is about to be committed.
    Fenced,
    /// A mover writes rows here; nobody else.
    Importing,
    /// It was here.
    Gone,
}

impl State {
    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owned => "owned",
            Self::Logging => "logging",
            Self::Fenced => "fenced",
            Self::Importing => "importing",
            Self::Gone => "gone",
        }
    }

    /// Reads the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Owned, Self::Logging, Self::Fenced, Self::Importing, Self::Gone]
            .into_iter()
            .find(|state| state.as_str() == word)
    }

    /// Whether users' transactions may write.
    pub const fn takes_writes(self) -> bool {
        matches!(self, Self::Owned | Self::Logging)
    }

    /// Whether changes are to be logged.
    pub const fn logs_changes(self) -> bool {
        matches!(self, Self::Logging)
    }
}

/// A bucket's owner row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnerRow {
    /// The bucket.
    pub bucket: Bucket,
    /// Since which epoch.
    pub epoch: Epoch,
    /// What may be done.
    pub state: State,
    /// The token of the mover that has a hand on the bucket; none where no move is under way.
    pub mover: Option<u64>,
}

fn row(row: &Row) -> Result<OwnerRow> {
    let state = State::parse(row.str(2)?).ok_or_else(|| Error::Corrupt("an owner's state".to_owned()))?;
    let token = |text: String| text.parse().map_err(|_| Error::Corrupt("a mover's token".to_owned()));
    let mover = row.opt_text(3)?.map(token).transpose()?;
    Ok(OwnerRow { bucket: row.bucket(0)?, epoch: row.epoch(1)?, state, mover })
}

/// The owner row of a bucket.
pub async fn get<Q: Query + ?Sized>(q: &mut Q, bucket: Bucket) -> Result<Option<OwnerRow>> {
    let rows =
        q.query("SELECT bucket, epoch, state, mover FROM bucket_owner WHERE bucket = $1", &[bucket.into()]).await?;
    rows.first().map(row).transpose()
}

/// The owner rows of some buckets, in no order; of those that have none, nothing.
pub async fn find<Q: Query + ?Sized>(q: &mut Q, buckets: &[Bucket]) -> Result<Vec<OwnerRow>> {
    let mut found = Vec::with_capacity(buckets.len());
    for chunk in buckets.chunks(MANY) {
        // Fewer are padded by repeating the last.
        let padded = chunk.iter().chain(std::iter::repeat(&chunk[chunk.len() - 1])).take(MANY);
        let params: Vec<Value> = padded.map(|bucket| (*bucket).into()).collect();
        for found_row in &q.query(&FIND, &params).await? {
            found.push(row(found_row)?);
        }
    }
    Ok(found)
}

/// Takes a lock, then requires the owner row of a bucket to be a certain one: nobody who changes it comes between.
///
/// Errors: `Moved` where it is another one, with the epoch found.
pub async fn require(
    tx: &mut dyn Transaction,
    lock: Lock,
    bucket: Bucket,
    is_right: impl Fn(&OwnerRow) -> bool,
) -> Result<OwnerRow> {
    tx.lock(&[lock]).await?;
    required(get(tx, bucket).await?, bucket, is_right)
}

/// The same for several buckets under their shared locks, in two round trips.
pub(crate) async fn require_all(
    tx: &mut dyn Transaction,
    buckets: &[Bucket],
    is_right: impl Fn(&OwnerRow) -> bool,
) -> Result<()> {
    let locks: Vec<Lock> = buckets.iter().map(|bucket| Lock::Shared(*bucket)).collect();
    tx.lock(&locks).await?;
    let found = find(tx, buckets).await?;
    for bucket in buckets {
        required(found.iter().find(|row| row.bucket == *bucket).copied(), *bucket, &is_right)?;
    }
    Ok(())
}

/// The row that was found, if it is the right one.
pub(crate) fn required(
    found: Option<OwnerRow>,
    bucket: Bucket,
    is_right: impl Fn(&OwnerRow) -> bool,
) -> Result<OwnerRow> {
    found.filter(|row| is_right(row)).ok_or(Error::Moved { bucket, found: found.map(|row| row.epoch) })
}

/// Every owner row, in the order of buckets.
pub async fn all<Q: Query + ?Sized>(q: &mut Q) -> Result<Vec<OwnerRow>> {
    q.query("SELECT bucket, epoch, state, mover FROM bucket_owner ORDER BY bucket", &[])
        .await?
        .iter()
        .map(row)
        .collect()
}

/// Changes an owner row under the bucket's exclusive lock, so that no writer straddles the change. `decide` sees the present row and
/// answers the one to be there, or none to leave it as it is.
pub async fn change(
    tx: &mut dyn Transaction,
    bucket: Bucket,
    decide: impl Fn(Option<&OwnerRow>) -> Result<Option<OwnerRow>>,
) -> Result<()> {
    change_all(tx, &[bucket], |_, row| decide(row)).await
}

/// The same for several, in a few round trips: writers wait meanwhile. `decide` is asked for each of them before any is changed.
pub async fn change_all(
    tx: &mut dyn Transaction,
    buckets: &[Bucket],
    decide: impl Fn(Bucket, Option<&OwnerRow>) -> Result<Option<OwnerRow>>,
) -> Result<()> {
    let locks: Vec<Lock> = buckets.iter().map(|bucket| Lock::Exclusive(*bucket)).collect();
    tx.lock(&locks).await?;
    let found = find(tx, buckets).await?;
    let mut changes = Vec::new();
    for bucket in buckets {
        changes.extend(decide(*bucket, found.iter().find(|row| row.bucket == *bucket))?);
    }
    let mut rest = changes.into_iter();
    for (width, sql) in PUT_WIDTHS.into_iter().zip(PUTS.iter()) {
        while rest.len() >= width {
            let params: Vec<Value> = rest.by_ref().take(width).flat_map(columns).collect();
            tx.execute(sql, &params).await?;
        }
    }
    Ok(())
}

fn columns(row: OwnerRow) -> [Value; 4] {
    let mover = row.mover.map(|token| token.to_string());
    [row.bucket.into(), row.epoch.into(), row.state.as_str().into(), mover.into()]
}

/// How many owner rows one statement looks up.
const MANY: usize = 16;
/// How many owner rows one statement writes, from the widest down.
const PUT_WIDTHS: [usize; 3] = [16, 4, 1];

static FIND: LazyLock<String> = LazyLock::new(|| {
    let numbers: Vec<String> = (1..=MANY).map(|number| format!("${number}")).collect();
    format!("SELECT bucket, epoch, state, mover FROM bucket_owner WHERE bucket IN ({})", numbers.join(", "))
});

static PUTS: LazyLock<[String; PUT_WIDTHS.len()]> = LazyLock::new(|| {
    PUT_WIDTHS.map(|width| {
        let row = |at| format!("(${}, ${}, ${}, ${})", 4 * at + 1, 4 * at + 2, 4 * at + 3, 4 * at + 4);
        let rows: Vec<String> = (0..width).map(row).collect();
        format!(
            "INSERT INTO bucket_owner (bucket, epoch, state, mover) VALUES {} \
             ON CONFLICT (bucket) DO UPDATE SET epoch = excluded.epoch, state = excluded.state, mover = excluded.mover",
            rows.join(", ")
        )
    })
});

/// Gives a shard buckets it has no row of yet; see `Shard::adopt`.
pub(crate) async fn adopt(tx: &mut dyn Transaction, name: String, mut buckets: Vec<(Bucket, Epoch)>) -> Result<()> {
    // Two routers may start at once: the second finds the first one's rows.
    tx.lock(&[Lock::Schema]).await?;
    let mut present = HashMap::new();
    // Every start comes by here: whole numbers only, words are asked for where something is wrong.
    let owned = "SELECT bucket, epoch, CASE WHEN state = 'owned' THEN 1 ELSE 0 END FROM bucket_owner";
    for row in tx.query(owned, &[]).await? {
        present.insert(row.bucket(0)?, (row.epoch(1)?, row.int(2)? == 1));
    }
    for (bucket, epoch) in &buckets {
        if present.get(bucket).is_some_and(|found| *found != (*epoch, true)) {
            return Err(not_to_be_adopted(tx, &name, *bucket, *epoch).await);
        }
    }
    buckets.retain(|(bucket, _)| !present.contains_key(bucket));
    let pages = buckets.chunks_exact(64);
    let rest = pages.remainder();
    for page in pages {
        let params: Vec<Value> = page.iter().flat_map(|(bucket, epoch)| [(*bucket).into(), (*epoch).into()]).collect();
        tx.execute(INSERT_64, &params).await?;
    }
    for (bucket, epoch) in rest {
        tx.execute(INSERT, &[(*bucket).into(), (*epoch).into()]).await?;
    }
    Ok(())
}

async fn not_to_be_adopted(tx: &mut dyn Transaction, name: &str, bucket: Bucket, epoch: Epoch) -> Error {
    let found = match get(tx, bucket).await {
        Ok(Some(row)) => format!("{} in epoch {}", row.state.as_str(), row.epoch.0),
        Ok(None) => "unknown".to_owned(),
        Err(error) => return error,
    };
    Error::Unusable(format!(
        "{name} has bucket {bucket} already, {found}; it was to be given in epoch {}. \
         The shard and the catalog are not of one history: restore both from one backup.",
        epoch.0
    ))
}

const INSERT: &str = "INSERT INTO bucket_owner (bucket, epoch, state) VALUES ($1, $2, 'owned')";

const INSERT_64: &str = "INSERT INTO bucket_owner (bucket, epoch, state) VALUES \
     ($1, $2, 'owned'), ($3, $4, 'owned'), ($5, $6, 'owned'), ($7, $8, 'owned'), ($9, $10, 'owned'), \
     ($11, $12, 'owned'), ($13, $14, 'owned'), ($15, $16, 'owned'), ($17, $18, 'owned'), \
     ($19, $20, 'owned'), ($21, $22, 'owned'), ($23, $24, 'owned'), ($25, $26, 'owned'), \
     ($27, $28, 'owned'), ($29, $30, 'owned'), ($31, $32, 'owned'), ($33, $34, 'owned'), \
     ($35, $36, 'owned'), ($37, $38, 'owned'), ($39, $40, 'owned'), ($41, $42, 'owned'), \
     ($43, $44, 'owned'), ($45, $46, 'owned'), ($47, $48, 'owned'), ($49, $50, 'owned'), \
     ($51, $52, 'owned'), ($53, $54, 'owned'), ($55, $56, 'owned'), ($57, $58, 'owned'), \
     ($59, $60, 'owned'), ($61, $62, 'owned'), ($63, $64, 'owned'), ($65, $66, 'owned'), \
     ($67, $68, 'owned'), ($69, $70, 'owned'), ($71, $72, 'owned'), ($73, $74, 'owned'), \
     ($75, $76, 'owned'), ($77, $78, 'owned'), ($79, $80, 'owned'), ($81, $82, 'owned'), \
     ($83, $84, 'owned'), ($85, $86, 'owned'), ($87, $88, 'owned'), ($89, $90, 'owned'), \
     ($91, $92, 'owned'), ($93, $94, 'owned'), ($95, $96, 'owned'), ($97, $98, 'owned'), \
     ($99, $100, 'owned'), ($101, $102, 'owned'), ($103, $104, 'owned'), ($105, $106, 'owned'), \
     ($107, $108, 'owned'), ($109, $110, 'owned'), ($111, $112, 'owned'), ($113, $114, 'owned'), \
     ($115, $116, 'owned'), ($117, $118, 'owned'), ($119, $120, 'owned'), ($121, $122, 'owned'), \
     ($123, $124, 'owned'), ($125, $126, 'owned'), ($127, $128, 'owned')";
