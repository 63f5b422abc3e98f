//! Laws of transactions.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{future::join_all, poll};
use model::Code;

use super::{NOW, image, own, shard, user_id, yield_once};
use crate::{
    BoxFuture, BucketTx, Engine, Error, Query, Result, Shard, Value,
    tables::{images, inbox, outbox},
    transact,
};

/// Two rows in one transaction, so that a half would show.
fn pair<'t>(tx: &'t mut BucketTx<'_>, id: u64) -> BoxFuture<'t, Result<()>> {
    Box::pin(async move {
        assert!(inbox::consume(tx, &format!("{id}-a"), NOW, NOW).await?);
        assert!(inbox::consume(tx, &format!("{id}-b"), NOW, NOW).await?);
        Ok(())
    })
}

async fn ids(shard: &Shard) -> Vec<String> {
    let rows = shard.read_all().query("SELECT id FROM inbox ORDER BY id", &[]).await.unwrap();
    rows.iter().map(|row| row.text(0).unwrap()).collect()
}

// R7
pub async fn each_of_many_at_once_succeeds_or_fails_alone(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 4).await;
    let writes = (0..200_u64).map(|id| {
        shard.write(own(u32::try_from(id % 4).unwrap()), move |tx| {
            Box::pin(async move {
                pair(tx, id).await?;
                if id % 3 == 0 {
                    return Err(model::Error::new(Code::EmailTaken, "taken").into());
                }
                Ok(id)
            })
        })
    });
    for (id, ended) in (0..).zip(join_all(writes).await) {
        match ended {
            Ok(written) => assert!(id % 3 != 0 && written.value == id),
            Err(Error::Refused(error)) => assert!(id % 3 == 0 && error.code == Code::EmailTaken),
            Err(other) => panic!("{other}"),
        }
    }
    let mut expected: Vec<String> =
        (0..200).filter(|id| id % 3 != 0).flat_map(|id| [format!("{id}-a"), format!("{id}-b")]).collect();
    expected.sort();
    assert_eq!(ids(&shard).await, expected);
}

pub async fn a_failed_statement_dooms_its_transaction(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 1).await;
    let insert = "INSERT INTO inbox (bucket, id, consumed_at, expires_at) VALUES ($1, $2, 0, 0)";
    let ended = shard
        .write(own(0), move |tx| {
            Box::pin(async move {
                let params: [Value; 2] = [tx.bucket().into(), "x".into()];
                tx.change(&inbox::TABLE, &["x".into()], insert, &params).await?;
                let twice = tx.change(&inbox::TABLE, &["x".into()], insert, &params).await;
                assert!(matches!(twice, Err(Error::Unique(_))), "{twice:?}");
                // The work shrugs it off; its transaction does not.
                assert!(inbox::consume(tx, "y", NOW, NOW).await.is_err());
                Ok(())
            })
        })
        .await;
    assert!(ended.is_err());
    assert!(ids(&shard).await.is_empty());
    shard.write(own(0), |tx| pair(tx, 1)).await.unwrap();
}

#[expect(clippy::manual_assert, reason = "the panic is the point")]
pub async fn a_panic_harms_nobody_else(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 1).await;
    let writes = (0..20_u64).map(|id| {
        shard.write(own(0), move |tx| {
            Box::pin(async move {
                pair(tx, id).await?;
                if id == 7 {
                    panic!("as the law wants it");
                }
                Ok(())
            })
        })
    });
    let ended = join_all(writes).await;
    assert_eq!(ended.iter().filter(|ended| ended.is_ok()).count(), 19);
    assert!(matches!(ended[7], Err(Error::Fault(_))));
    assert_eq!(ids(&shard).await.len(), 38);
}

pub async fn a_transaction_sees_its_own_writes_and_others_see_them_after_it(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 1).await;
    for round in 0..50_u64 {
        let id = shard
            .write(own(0), move |tx| {
                Box::pin(async move {
                    let id = outbox::add(tx, "k", vec![], NOW, NOW).await?;
                    let rows = tx
                        .query("SELECT id FROM outbox WHERE bucket = $1 AND id = $2", &[0_i64.into(), id.into()])
                        .await?;
                    assert_eq!(rows.len(), 1);
                    Ok(id)
                })
            })
            .await
            .unwrap()
            .value;
        // Read your writes: what was acknowledged is there for whoever asks next.
        let due = outbox::due(&mut shard.read_all(), NOW, 100).await.unwrap();
        assert!(due.iter().any(|found| found.row.id == id), "round {round}");
    }
}

// R14
pub async fn a_reading_call_cannot_write(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 1).await;
    let sql = "DELETE FROM bucket_owner WHERE bucket = $1 RETURNING bucket";
    assert!(engine.query(sql, vec![0_i64.into()]).await.is_err());
    assert!(shard.read(own(0)).query(sql, &[0_i64.into()]).await.is_err());
    shard.write(own(0), |tx| pair(tx, 1)).await.unwrap();
}

pub async fn positions_rise_with_every_commit(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 1).await;
    let mut last = 0;
    for id in 0..20 {
        let written = shard.write(own(0), move |tx| pair(tx, id)).await.unwrap();
        assert_eq!(written.position.shard, shard.id());
        assert!(written.position.log > last);
        last = written.position.log;
    }
    let before = engine.stats();
    let ended = join_all((100..140).map(|id| shard.write(own(0), move |tx| pair(tx, id)))).await;
    assert!(ended.iter().all(Result::is_ok));
    let after = engine.stats();
    assert_eq!(after.transactions - before.transactions, 40);
    assert!(after.commits > before.commits && after.commits - before.commits <= 40);
}

pub async fn every_value_comes_back_as_it_went_in(engine: Arc<dyn Engine>) {
    transact(&*engine, |tx| {
        Box::pin(async move {
            let bytes = tx_word(tx).await?;
            assert!(bytes.is_empty());
            Ok(())
        })
    })
    .await
    .unwrap();
    let shard = shard(&engine, 1).await;
    let texts = ["", "'; DROP TABLE users; --", "日本語 🦀", "$1 ?1 :a @b", "a\nb\tc\\", "\u{7f}"];
    for (number, text) in (0_i64..).zip(texts) {
        let payload = vec![0, 255, 39, u8::try_from(number).unwrap()];
        let written = payload.clone();
        let id = shard
            .write(own(0), move |tx| {
                Box::pin(async move { outbox::add(tx, text, written, i64::MIN + number, i64::MAX).await })
            })
            .await
            .unwrap()
            .value;
        let due = outbox::due(&mut shard.read_all(), 0, 100).await.unwrap();
        let found = due.into_iter().find(|found| found.row.id == id).unwrap().row;
        assert_eq!((found.kind.as_str(), found.payload), (text, payload));
        assert_eq!((found.not_before_ms, found.created_at_ms), (i64::MIN + number, i64::MAX));
    }
}

async fn tx_word(tx: &mut dyn crate::Transaction) -> Result<Vec<crate::Row>> {
    tx.query("SELECT 1 WHERE 1 = 0", &[]).await
}

pub async fn parameters_are_taken_by_their_number(engine: Arc<dyn Engine>) {
    let sql = "SELECT CAST($3 AS TEXT), CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($1 AS TEXT)";
    let rows = engine.query(sql, vec!["one".into(), "two".into(), "three".into()]).await.unwrap();
    let read: Vec<_> = (0..4).map(|index| rows[0].text(index).unwrap()).collect();
    assert_eq!(read, ["three", "one", "two", "one"]);
    assert!(engine.query(sql, vec!["one".into()]).await.is_err());
}

// Handlers are dropped on disconnect and deadline; no await of theirs may leave a transaction open or half done.
pub async fn ten_thousand_callers_that_leave_at_any_await_leave_no_stale_transaction(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 4).await;
    let alive = Arc::new(());
    let ran = Arc::new(AtomicU64::new(0));
    let mut begun = 0;
    for id in 0..10_000_u64 {
        let (guard, counter) = (Arc::clone(&alive), Arc::clone(&ran));
        let mut write = Box::pin(shard.write(own(u32::try_from(id % 4).unwrap()), move |tx| {
            Box::pin(async move {
                let alive = guard;
                counter.fetch_add(1, Ordering::Relaxed);
                pair(tx, id).await?;
                drop(alive);
                if id % 5 == 0 { Err(model::Error::internal().into()) } else { Ok(()) }
            })
        }));
        let polls = id % 7;
        for _ in 0..polls {
            if poll!(&mut write).is_ready() {
                break;
            }
            yield_once().await;
        }
        begun += u64::from(polls > 0);
    }
    // Every job that was begun comes to its end by itself.
    let patience = Instant::now() + Duration::from_mins(2);
    while Arc::strong_count(&alive) > 1 {
        assert!(Instant::now() < patience, "jobs are stuck");
        shard.write(own(0), |_| Box::pin(async { Ok(()) })).await.ok();
    }
    let ids = ids(&shard).await;
    assert_eq!(ids.len() % 2, 0);
    for halves in ids.chunks(2) {
        assert_eq!(halves[0].strip_suffix("-a"), halves[1].strip_suffix("-b"), "half a transaction");
    }
    // A full queue refuses some before they begin; all others ran, whoever was still listening.
    let ran = ran.load(Ordering::Relaxed);
    assert!(ran <= begun && ran > 1000, "{ran} of {begun}");
    // Nobody is left in a transaction: writers and readers of every connection work at once.
    for id in 20_000..20_020 {
        shard.write(own(1), move |tx| pair(tx, id)).await.unwrap();
    }
    assert_eq!(self::ids(&shard).await.len(), ids.len() + 40);
}

pub async fn a_closed_engine_refuses_and_finishes_what_it_had_taken(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 1).await;
    let mut writes: Vec<_> = (0..50).map(|id| Box::pin(shard.write(own(0), move |tx| pair(tx, id)))).collect();
    for write in &mut writes {
        let _ = poll!(write);
    }
    engine.close().await;
    for write in writes {
        // A write that was answered by the first poll has been awaited to its end already.
        write.await.unwrap();
    }
    let late = shard.write(own(0), |tx| pair(tx, 100)).await;
    assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
    assert!(matches!(engine.query("SELECT 1", Vec::new()).await, Err(Error::Unavailable(_))));
}

// A quota is counted, then used: of many that come at once, no more than fit get in. With the bucket's shared lock alone, an engine
// with many writers lets all of them count the same rows.
pub async fn writers_of_one_user_each_see_what_the_one_before_did(engine: Arc<dyn Engine>) {
    const QUOTA: u64 = 5;
    let shard = shard(&engine, 16).await;
    let uploads = (1..=20_u8).map(|number| {
        shard.write_user(own(12), user_id(12), move |tx| {
            Box::pin(async move {
                let (there, _) = images::count(tx, tx.bucket(), user_id(12)).await?;
                if there >= QUOTA {
                    return Ok(false);
                }
                images::insert(tx, &image(12, number)).await
            })
        })
    });
    let ended = join_all(uploads).await;
    let made = ended.into_iter().filter(|ended| ended.as_ref().unwrap().value).count();
    assert_eq!(made, 5);
    let (there, _) = images::count(&mut shard.read(own(12)), own(12).bucket, user_id(12)).await.unwrap();
    assert_eq!(there, QUOTA);
}

pub async fn writers_of_one_bucket_are_held_up_by_no_other_user(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 16).await;
    let writes = (0..20_u64).map(|number| {
        // Ids of one bucket.
        let user = user_id(12 + number * 4096);
        shard.write_user(own(12), user, move |tx| pair(tx, number))
    });
    assert!(join_all(writes).await.iter().all(Result::is_ok));
    assert_eq!(ids(&shard).await.len(), 40);
}
