//! One user's rows from a bucket to another of the same shard, in one transaction: how a user gets a bucket of its own and gives it up.
//!
//! The rows are copied and stay where they were until they are removed, so that whoever still reads by an older map finds them. No writer
//! is inside meanwhile: whoever calls this has the owner rows of both buckets changed in the same transaction.

use std::sync::LazyLock;

use model::{Bucket, UserId};

use crate::{
    Engine, Result, Transaction,
    schema::{Moves, TABLES, Table, Whose},
};

/// The statements of a table whose rows are a user's.
struct OfUser {
    /// `$1` from bucket, `$2` to bucket, `$3` user: copies the user's rows.
    copy: String,
    /// `$1` bucket, `$2` user, `$3` limit: deletes some of them.
    delete_some: String,
    /// `$1` bucket, `$2` user: deletes all of them.
    delete: String,
    /// `$1` bucket, `$2` user: how many there are.
    count: String,
}

static OF_USER: LazyLock<Vec<OfUser>> = LazyLock::new(|| {
    let made = TABLES.iter().filter_map(|table| match table.moves {
        Moves::Along(Whose::User(column)) => Some(of_user(table, column)),
        Moves::Along(Whose::Untold | Whose::Bucket) | Moves::Itself => None,
    });
    made.collect()
});

/// `$1` from bucket, `$2` to bucket: copies all rows of a table that do not say whose they are.
static UNTOLD: LazyLock<Vec<String>> = LazyLock::new(|| of_bucket(Whose::Untold));

/// The same for those that are the bucket's own.
static OWN: LazyLock<Vec<String>> = LazyLock::new(|| of_bucket(Whose::Bucket));

/// `$1` from bucket, `$2` to bucket: deletes the copies of these that `merge` made.
static COPIES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let own = TABLES.iter().filter(|table| table.moves == Moves::Along(Whose::Bucket));
    own.map(|table| uncopy(table)).collect()
});

/// How many rows `split` or `merge` would copy, about.
pub async fn count(engine: &dyn Engine, bucket: Bucket, user: UserId) -> Result<u64> {
    let mut all = 0;
    for statements in OF_USER.iter() {
        let rows = engine.query(&statements.count, vec![bucket.into(), user.into()]).await?;
        all += rows.first().map_or(Ok(0), |row| row.u64(0))?;
    }
    Ok(all)
}

/// Copies a user's rows from the bucket that it shares with others to one of its own. What the bucket itself has to tell stays there.
pub async fn split(tx: &mut dyn Transaction, shared: Bucket, own: Bucket, user: UserId) -> Result<()> {
    for statements in OF_USER.iter() {
        tx.execute(&statements.copy, &[shared.into(), own.into(), user.into()]).await?;
    }
    each_of(tx, &UNTOLD, shared, own).await
}

/// Copies all rows of a user's own bucket into the one that it shares with others, over whatever is left of the user there.
pub async fn merge(tx: &mut dyn Transaction, own: Bucket, shared: Bucket, user: UserId) -> Result<()> {
    for statements in OF_USER.iter() {
        tx.execute(&statements.delete, &[shared.into(), user.into()]).await?;
        tx.execute(&statements.copy, &[own.into(), shared.into(), user.into()]).await?;
    }
    each_of(tx, &UNTOLD, own, shared).await?;
    each_of(tx, &OWN, own, shared).await
}

/// Takes back what `merge` copied of what the bucket itself has to tell. The rows of the user are deleted by `remove_some`.
pub async fn unmerge(tx: &mut dyn Transaction, own: Bucket, shared: Bucket) -> Result<()> {
    each_of(tx, &COPIES, own, shared).await
}

/// Deletes some of a user's rows from a bucket that the user has left, at most about `limit`. True: there may be more.
pub async fn remove_some(tx: &mut dyn Transaction, bucket: Bucket, user: UserId, limit: u32) -> Result<bool> {
    let mut left = u64::from(limit);
    for statements in OF_USER.iter() {
        left -= tx.execute(&statements.delete_some, &[bucket.into(), user.into(), left.into()]).await?.min(left);
        if left == 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Runs statements that say from which bucket to which.
async fn each_of(tx: &mut dyn Transaction, statements: &'static [String], from: Bucket, to: Bucket) -> Result<()> {
    for sql in statements {
        tx.execute(sql, &[from.into(), to.into()]).await?;
    }
    Ok(())
}

fn of_bucket(whose: Whose) -> Vec<String> {
    TABLES.iter().filter(|table| table.moves == Moves::Along(whose)).map(|table| copy(table, "")).collect()
}

fn of_user(table: &Table, column: &str) -> OfUser {
    let name = table.name;
    let order: Vec<&str> = table.key_in_bucket().map(|column| column.name).collect();
    let order = order.join(", ");
    OfUser {
        copy: copy(table, &format!(" AND {column} = $3")),
        delete_some: format!(
            "DELETE FROM {name} WHERE bucket = $1 AND ({order}) IN \
             (SELECT {order} FROM {name} WHERE bucket = $1 AND {column} = $2 LIMIT $3)"
        ),
        delete: format!("DELETE FROM {name} WHERE bucket = $1 AND {column} = $2"),
        count: format!("SELECT count(*) FROM {name} WHERE bucket = $1 AND {column} = $2"),
    }
}

/// A row that is there already is as new: of what does not say whose it is, none is ever changed under its key in two buckets.
fn copy(table: &Table, condition: &str) -> String {
    let name = table.name;
    let rest: Vec<&str> = table.columns.iter().skip(1).map(|column| column.name).collect();
    let (rest, key) = (rest.join(", "), table.key.join(", "));
    format!(
        "INSERT INTO {name} (bucket, {rest}) SELECT CAST($2 AS BIGINT), {rest} FROM {name} WHERE bucket = $1{condition} \
         ON CONFLICT ({key}) DO NOTHING"
    )
}

/// Ids are never given twice: a row that is in both is the copy.
fn uncopy(table: &Table) -> String {
    let name = table.name;
    let order: Vec<&str> = table.key_in_bucket().map(|column| column.name).collect();
    let order = order.join(", ");
    format!("DELETE FROM {name} WHERE bucket = $2 AND ({order}) IN (SELECT {order} FROM {name} WHERE bucket = $1)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::images;

    #[test]
    fn statements_name_every_column_and_the_user() {
        let made = of_user(&images::TABLE, "user_id");
        assert!(made.copy.starts_with("INSERT INTO images (bucket, user_id, id, version, "), "{}", made.copy);
        assert!(made.copy.ends_with(
            "finished_at FROM images WHERE bucket = $1 AND user_id = $3 ON CONFLICT (bucket, user_id, id) DO NOTHING"
        ));
        assert!(
            made.delete_some.contains(
                "(user_id, id) IN (SELECT user_id, id FROM images WHERE bucket = $1 AND user_id = $2 LIMIT $3)"
            )
        );
    }

    #[test]
    fn every_table_that_goes_along_says_whose_its_rows_are() {
        assert_eq!((OF_USER.len(), UNTOLD.len(), OWN.len()), (4, 2, 2));
    }
}
