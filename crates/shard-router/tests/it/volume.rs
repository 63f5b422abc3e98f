//! Many rows: how fast they move, while people write. `MYRIAD_USERS` says how many users there are; `make growth-test` asks for a million.

use std::time::{Duration, Instant};

use api::growth::v1::{AddShardRequest, DrainShardRequest, ListMovesRequest, RebalanceRequest, VerifyRequest};
use model::{Bucket, ImageId, SessionId, UserId};
use shard_router::MoveSettings;
use store::schema::Table;
use store::tables::{credentials, email_claims, images, sessions, users};
use store::{Engine, Row, Value, transact, transfer};
use testkit::engines::ShardEngine;

use crate::client::shards;
use crate::cluster::{Cluster, Node};
use crate::ledger::{Traffic, settle};

/// Users of one transaction.
const PAGE: u64 = 512;
/// Their ids begin where those of the ledger's end.
const FIRST: u64 = 100_000;

/// None in the short form.
fn asked() -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "a switch of the long suite")]
    std::env::var("MYRIAD_USERS").ok().and_then(|users| users.parse().ok())
}

/// A user with a password, an e-mail, a session and a picture's row: five rows.
async fn seed(engine: &dyn Engine, users: u64) {
    for first in (FIRST..FIRST + users).step_by(usize::try_from(PAGE).unwrap()) {
        let ids = first..(first + PAGE).min(FIRST + users);
        let written = transact(engine, move |tx| {
            Box::pin(async move {
                for (table, row) in TABLES {
                    let rows = ids.clone().map(|id| Row::new(row(UserId::new(id).unwrap()))).collect();
                    transfer::put(tx, table, rows).await?;
                }
                Ok(())
            })
        });
        written.await.unwrap();
    }
}

type Make = fn(UserId) -> Vec<Value>;
const TABLES: [(&Table, Make); 5] = [
    (&users::TABLE, user),
    (&credentials::TABLE, password),
    (&email_claims::TABLE, claim),
    (&sessions::TABLE, session),
    (&images::TABLE, image),
];

const NULL: Value = Value::Text(None);

fn email(id: UserId) -> String {
    format!("user{}@example.com", id.get())
}

fn user(id: UserId) -> Vec<Value> {
    vec![
        Bucket::of_user(id).into(),
        id.into(),
        1_u64.into(),
        1_u64.into(),
        "live".into(),
        "user".into(),
        email(id).into(),
        email(id).into(),
        "John".into(),
        "Smith".into(),
        r#"{"streetAddress":"21 2nd Street","city":"New York","state":"NY","postalCode":"10021"}"#.into(),
        r#"["212 555-1234","646 555-4567"]"#.into(),
        0_u64.into(),
        NULL,
        NULL,
        NULL,
        1_700_000_000_000_i64.into(),
        1_700_000_000_000_i64.into(),
    ]
}

fn password(id: UserId) -> Vec<Value> {
    let phc = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
    vec![Bucket::of_user(id).into(), id.into(), phc.into(), 1_i64.into()]
}

fn claim(id: UserId) -> Vec<Value> {
    let email = email(id);
    vec![Bucket::of_email(&email).into(), email.into(), id.into(), "confirmed".into(), "seed".into(), 0_i64.into()]
}

fn session(id: UserId) -> Vec<Value> {
    let mut session = [0; 16];
    session[..8].copy_from_slice(&id.get().to_be_bytes());
    let (from, until) = (1_700_000_000_000_i64, 1_900_000_000_000_i64);
    vec![
        Bucket::of_user(id).into(),
        id.into(),
        SessionId(session).into(),
        1_u64.into(),
        from.into(),
        from.into(),
        until.into(),
        "192.0.2.1".into(),
        "Mozilla/5.0 (X11; Linux x86_64)".into(),
        Value::Int(None),
    ]
}

fn image(id: UserId) -> Vec<Value> {
    let image = ImageId::parse(&format!("{:032x}", id.get())).unwrap();
    vec![
        Bucket::of_user(id).into(),
        id.into(),
        (&image).into(),
        2_u64.into(),
        "done".into(),
        1_u64.into(),
        r#"{"thumb":[{"op":"resize","width":256}]}"#.into(),
        "source".into(),
        800_u64.into(),
        600_u64.into(),
        200_000_u64.into(),
        "jpeg".into(),
        r#"{"thumb":{"key":"thumb","width":256,"height":192,"bytes":9000,"format":"jpeg"}}"#.into(),
        NULL,
        NULL,
        1_700_000_000_000_i64.into(),
        1_700_000_001_000_i64.into(),
    ]
}

async fn moved(node: &Node) -> (u64, Vec<u64>) {
    let begun = Instant::now();
    loop {
        let list = ListMovesRequest { operation: String::new(), ended: 1000 };
        let answer = node.growth().list_moves(list).await.unwrap().into_inner();
        let progress = answer.progress.unwrap();
        if progress.committed + progress.undone == progress.moves {
            let errors: Vec<_> =
                answer.moves.iter().filter(|row| !row.error.is_empty()).map(|row| &row.error).collect();
            assert_eq!(progress.undone, 0, "{errors:?}");
            return (progress.rows_copied, answer.moves.iter().map(|row| row.pause_us).collect());
        }
        assert!(begun.elapsed() < Duration::from_mins(20), "the moves do not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn grow(from: ShardEngine, to: ShardEngine, new_shards: usize) {
    let count = asked().unwrap_or(2_000);
    let mut cluster = Cluster::on(from).await;
    if asked().is_some() {
        // As it is by default: this is where it is measured.
        cluster.moves = MoveSettings::default();
        cluster.connections = Some(engines::PostgresSettings::default().pool);
    }
    cluster.moves.grace_ms = 600_000;
    let node = cluster.start(Some(1)).await.unwrap();
    let shards = shards(&cluster, &node).await;
    settle(&shards).await;
    let begun = Instant::now();
    seed(&**shards.all()[0].engine(), count).await;
    let seeded = begun.elapsed();
    let traffic = Traffic::begin(&shards, 1);
    traffic.more(20).await;
    for number in 0..new_shards {
        let (location, name) = (to.new_location(&format!("n{number}")).await.unwrap(), format!("n{number}"));
        node.growth().add_shard(AddShardRequest { location, name, ..AddShardRequest::default() }).await.unwrap();
    }
    let begun = Instant::now();
    match from {
        ShardEngine::Sqlite => {
            let all = DrainShardRequest { name: "local".to_owned(), dry_run: false };
            drop(node.growth().drain_shard(all).await.unwrap());
        }
        ShardEngine::Postgres => drop(node.growth().rebalance(RebalanceRequest::default()).await.unwrap()),
    }
    let (rows, mut pauses) = moved(&node).await;
    let took = begun.elapsed();
    traffic.more(20).await;
    let books = traffic.end().await;
    pauses.sort_unstable();
    let ms = |percent: usize| pauses[(pauses.len() * percent / 100).min(pauses.len() - 1)] / 1000;
    println!(
        "| {from:?} → {new_shards} more on {to:?} | {count} users seeded in {:.1} s | {rows} rows in {:.1} s: {:.0}/s | \
         pause p50 {} p99 {} max {} ms | {} writes meanwhile, 0 failed, slowest {} ms |",
        seeded.as_secs_f64(),
        took.as_secs_f64(),
        f64::from(u32::try_from(rows).unwrap()) / took.as_secs_f64(),
        ms(50),
        ms(99),
        ms(100),
        books.acknowledged(),
        books.longest.as_millis(),
    );
    assert_eq!(books.failed, Vec::<String>::new());
    let answer = node.growth().verify(VerifyRequest { deep: count < 50_000 }).await.unwrap().into_inner();
    // The ledger's users have no e-mails of their own.
    let faults: Vec<_> = answer.faults.iter().filter(|fault| !fault.contains("no e-mail is claimed")).collect();
    assert_eq!(faults, Vec::<&String>::new());
    node.stop().await;
}

// R68 R77
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_file_moves_to_postgres_shards_under_writes() {
    grow(ShardEngine::Sqlite, ShardEngine::Postgres, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_postgres_shard_shares_with_another_under_writes() {
    grow(ShardEngine::Postgres, ShardEngine::Postgres, 1).await;
}
