//! Laws of what a mover does: what it reads is what is there, what it writes is what it read, and only under its token.

use std::{collections::BTreeSet, sync::Arc};

use model::{Bucket, Epoch};

use super::{NOW, add_user, image, own, request, session, shard, user_id};
use crate::{
    Engine, Error, Row, Transaction, Value,
    tables::{
        bucket_owner::{self, OwnerRow, State},
        credentials, email_claims, idempotency, images, inbox, outbox, sessions, users,
    },
    transact,
    transfer::{self, Hold},
};

const HOLD: Hold = Hold { bucket: Bucket(12), state: State::Importing, token: 3 };

/// Rows in every table that goes along, in bucket 12.
async fn furnished(engine: &Arc<dyn Engine>) -> crate::Shard {
    let shard = shard(engine, 16).await;
    add_user(&shard, 12).await;
    let filled = shard.write(own(12), |tx| {
        Box::pin(async move {
            let id = user_id(12);
            assert!(users::insert_void(tx, user_id(12 + 4096), NOW).await?);
            credentials::set(tx, id, "phc", NOW).await?;
            email_claims::reserve(tx, "ä@example.com", id, "op", NOW).await?;
            for number in 0..100 {
                sessions::insert(tx, &session(12, number, NOW)).await?;
            }
            images::insert(tx, &image(12, 1)).await?;
            outbox::add(tx, "job", vec![0, 255], NOW, NOW).await?;
            inbox::consume(tx, "m", NOW, NOW).await?;
            idempotency::begin(tx, &request(7)).await
        })
    });
    filled.await.unwrap();
    shard
}

async fn all(engine: &dyn Engine, limit: u32) -> Vec<(&'static str, Vec<Row>)> {
    let mut found = Vec::new();
    for table in transfer::tables() {
        // More buckets than one statement asks about; none of the others has a row.
        let buckets: Vec<Bucket> = (0..40).map(Bucket).collect();
        let mut pages = transfer::first_pages(engine, table, &buckets, limit).await.unwrap();
        let mut page = pages.remove(&Bucket(12)).unwrap();
        assert!(pages.len() == 39 && pages.values().all(Vec::is_empty));
        let mut rows: Vec<Row> = Vec::new();
        while let Some(last) = page.last().cloned() {
            assert!(page.len() <= limit as usize);
            rows.append(&mut page);
            page = transfer::next_page(engine, table, Bucket(12), &last, limit).await.unwrap();
        }
        found.push((table.name, rows));
    }
    found
}

async fn rows(engine: &dyn Engine, table: &'static crate::schema::Table) -> Vec<Row> {
    transfer::first_pages(engine, table, &[Bucket(12)], 1000).await.unwrap().remove(&Bucket(12)).unwrap()
}

async fn hold(engine: &dyn Engine) {
    let row = OwnerRow { bucket: HOLD.bucket, epoch: Epoch(2), state: HOLD.state, mover: Some(HOLD.token) };
    transact(engine, move |tx| Box::pin(async move { bucket_owner::change(tx, row.bucket, |_| Ok(Some(row))).await }))
        .await
        .unwrap();
}

async fn write<T: Send + 'static>(
    engine: &dyn Engine,
    work: impl for<'t> FnOnce(&'t mut dyn Transaction) -> crate::BoxFuture<'t, crate::Result<T>> + Send + 'static,
) -> T {
    transact(engine, work).await.unwrap().0
}

// R65 R68
pub async fn every_row_of_a_bucket_is_read_page_by_page_and_put_back_as_it_was(engine: Arc<dyn Engine>) {
    furnished(&engine).await;
    let before = all(&*engine, 1000).await;
    assert!(before.iter().all(|(table, rows)| !rows.is_empty() || panic!("no row in {table}: nothing is shown of it")));
    assert_eq!(before, all(&*engine, 7).await, "small pages make the same whole");
    let counts = async || transfer::counts(&*engine, &BTreeSet::from([Bucket(3), Bucket(12)])).await.unwrap();
    let expected = before.iter().enumerate().map(|(place, (_, rows))| ((Bucket(12), place), rows.len() as u64));
    assert_eq!(counts().await, expected.collect());

    hold(&*engine).await;
    let mut purges = 0;
    while write(&*engine, |tx| Box::pin(transfer::purge_some(tx, Bucket(12), 10))).await {
        purges += 1;
    }
    assert!((9..=12).contains(&purges), "{purges}");
    assert_eq!(counts().await.len(), 0);
    for (table, rows) in before.clone() {
        write(&*engine, move |tx| {
            Box::pin(async move { transfer::fill(tx, crate::schema::Table::named(table).unwrap(), rows).await })
        })
        .await;
    }
    assert_eq!(all(&*engine, 1000).await, before, "filled");
    // Over what is there, twice, as after a crash.
    for _ in 0..2 {
        for (table, rows) in before.clone() {
            write(&*engine, move |tx| {
                Box::pin(async move {
                    transfer::require(tx, &[HOLD]).await?;
                    transfer::put(tx, crate::schema::Table::named(table).unwrap(), rows).await
                })
            })
            .await;
        }
        assert_eq!(all(&*engine, 1000).await, before);
    }
}

pub async fn a_row_is_read_as_it_is_now_and_removed_where_it_is_gone(engine: Arc<dyn Engine>) {
    furnished(&engine).await;
    let keys: Vec<Vec<Value>> =
        (0..70).map(|number| vec![user_id(12).into(), session(12, number, NOW).id.into()]).collect();
    let absent = vec![user_id(12).into(), model::SessionId([200; 16]).into()];
    let asked: Vec<Vec<Value>> = keys.iter().cloned().chain([absent]).collect();
    let table = &sessions::TABLE;
    let found = transfer::rows(&*engine, table, Bucket(12), &asked).await.unwrap();
    assert_eq!(found.len(), 70);
    assert!(found.iter().all(|row| keys.contains(&transfer::key_of(table, row))));
    write(&*engine, move |tx| {
        Box::pin(async move { transfer::remove(tx, &sessions::TABLE, Bucket(12), &asked).await })
    })
    .await;
    assert_eq!(rows(&*engine, table).await.len(), 30);
}

// R68
pub async fn a_mover_without_the_token_is_refused(engine: Arc<dyn Engine>) {
    shard(&engine, 16).await;
    hold(&*engine).await;
    for (hold, right) in [
        (HOLD, true),
        (Hold { token: 2, ..HOLD }, false),
        (Hold { state: State::Logging, ..HOLD }, false),
        (Hold { bucket: Bucket(11), ..HOLD }, false),
        (Hold { bucket: Bucket(99), ..HOLD }, false),
    ] {
        let ended = transact(&*engine, move |tx| Box::pin(async move { transfer::require(tx, &[hold]).await })).await;
        assert_eq!(ended.is_ok(), right, "{hold:?}");
        assert!(right || matches!(ended, Err(Error::Moved { .. })));
    }
}

// R65
pub async fn a_digest_tells_rows_apart(engine: Arc<dyn Engine>) {
    furnished(&engine).await;
    let asked = BTreeSet::from([Bucket(3), Bucket(12)]);
    let Some(before) = transfer::digests(&*engine, &asked).await.unwrap() else { return };
    let counts = transfer::counts(&*engine, &asked).await.unwrap();
    assert_eq!(
        before.iter().map(|(key, (rows, _))| (*key, *rows)).collect::<std::collections::BTreeMap<_, _>>(),
        counts
    );
    assert_eq!(transfer::digests(&*engine, &asked).await.unwrap(), Some(before.clone()), "the same of the same");
    for (place, table) in transfer::tables().enumerate() {
        let rows = rows(&*engine, table).await;
        let column = table.columns.iter().rposition(|column| !table.key.contains(&column.name)).unwrap();
        let mut values = rows[0].values().to_vec();
        values[column] = match &values[column] {
            Value::Int(int) => Value::Int(Some(int.map_or(0, |int| int + 1))),
            Value::Text(text) => Value::from(format!("{}x", text.clone().unwrap_or_default())),
            Value::Blob(bytes) => Value::from([bytes.clone().unwrap_or_default(), vec![0]].concat()),
        };
        let changed = Row::new(values);
        write(&*engine, move |tx| Box::pin(async move { transfer::put(tx, table, vec![changed]).await })).await;
        let after = transfer::digests(&*engine, &asked).await.unwrap().unwrap();
        let (was, is) = (before[&(Bucket(12), place)], after[&(Bucket(12), place)]);
        assert_eq!(was.0, is.0, "{}", table.name);
        assert_ne!(was.1, is.1, "a changed row of {} is not seen", table.name);
    }
}
