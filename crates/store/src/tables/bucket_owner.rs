//! `bucket_owner`: who may write a bucket here. The row every write transaction looks at first.

use model::{Bucket, Epoch};

use crate::{
    Error, Lock, Query, Result, Row, Transaction,
    schema::{Column, Moves, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "bucket_owner",
    key: &["bucket"],
    columns: &[
        Column::int("bucket"),
        Column::int("epoch"),
        Column::text("state"),
        Column::text("mover").or_null(),
    ],
    moves: Moves::Itself,
};

/// What a shard may do with a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerRow {
    /// The bucket.
    pub bucket: Bucket,
    /// Since which epoch.
    pub epoch: Epoch,
    /// What may be done.
    pub state: State,
    /// The token of the mover that may write while `importing`.
    pub mover: Option<String>,
}

fn row(row: &Row) -> Result<OwnerRow> {
    let state = State::parse(row.str(2)?).ok_or_else(|| Error::Corrupt("an owner's state".to_owned()))?;
    Ok(OwnerRow {
        bucket: row.bucket(0)?,
        epoch: row.epoch(1)?,
        state,
        mover: row.opt_text(3)?,
    })
}

/// The owner row of a bucket.
pub async fn get<Q: Query + ?Sized>(q: &mut Q, bucket: Bucket) -> Result<Option<OwnerRow>> {
    let rows = q
        .query(
            "SELECT bucket, epoch, state, mover FROM bucket_owner WHERE bucket = $1",
            &[bucket.into()],
        )
        .await?;
    rows.first().map(row).transpose()
}

/// Every owner row, in the order of buckets.
pub async fn all<Q: Query + ?Sized>(q: &mut Q) -> Result<Vec<OwnerRow>> {
    q.query(
        "SELECT bucket, epoch, state, mover FROM bucket_owner ORDER BY bucket",
        &[],
    )
    .await?
    .iter()
    .map(row)
    .collect()
}

/// Writes an owner row under the bucket's exclusive lock, so that no writer straddles the change.
///
/// The change is made only if the present row is `from` (none: no row yet); else it answers false.
pub async fn change(tx: &mut dyn Transaction, from: Option<&OwnerRow>, to: &OwnerRow) -> Result<bool> {
    tx.lock(Lock::Exclusive(to.bucket)).await?;
    if get(tx, to.bucket).await?.as_ref() != from {
        return Ok(false);
    }
    tx.execute(
        "INSERT INTO bucket_owner (bucket, epoch, state, mover) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (bucket) DO UPDATE SET epoch = excluded.epoch, state = excluded.state, mover = excluded.mover",
        &[
            to.bucket.into(),
            to.epoch.into(),
            to.state.as_str().into(),
            to.mover.as_deref().into(),
        ],
    )
    .await?;
    Ok(true)
}

/// Gives a shard buckets it has no row of yet; see `Shard::adopt`.
pub(crate) async fn adopt(tx: &mut dyn Transaction, name: String, buckets: Vec<(Bucket, Epoch)>) -> Result<()> {
    let present: std::collections::HashMap<Bucket, OwnerRow> =
        all(tx).await?.into_iter().map(|row| (row.bucket, row)).collect();
    for (bucket, epoch) in buckets {
        match present.get(&bucket) {
            Some(row) if row.epoch == epoch && row.state == State::Owned => continue,
            Some(row) => {
                return Err(Error::Unusable(format!(
                    "{name} has bucket {bucket} already, {} in epoch {}; it was to be given in epoch {}. \
                     The shard and the catalog are not of one history: restore both from one backup.",
                    row.state.as_str(),
                    row.epoch.0,
                    epoch.0
                )));
            }
            None => {}
        }
        tx.execute(
            "INSERT INTO bucket_owner (bucket, epoch, state) VALUES ($1, $2, 'owned')",
            &[bucket.into(), epoch.into()],
        )
        .await?;
    }
    Ok(())
}
