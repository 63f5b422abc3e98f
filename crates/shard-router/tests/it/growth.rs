//! Shards come and go and buckets move while people write.

use std::time::{Duration, Instant};

use api::growth::v1::{
    AddShardRequest, Control, ControlMovesRequest, DrainShardRequest, ListMovesRequest, ListMovesResponse,
    ListShardsRequest, MoveBucketRequest, Plan, RebalanceRequest, RemoveShardRequest, VerifyRequest,
};
use store::tables::bucket_owner::{self, State};
use testkit::engines::ShardEngine::{self, Postgres, Sqlite};
use topology::Shards;

use crate::client::shards;
use crate::cluster::{Cluster, Node, execute};
use crate::ledger::{Traffic, settle};

pub async fn add(node: &Node, location: String, name: &str) {
    let request = AddShardRequest { location, name: name.to_owned(), ..AddShardRequest::default() };
    node.growth().add_shard(request).await.unwrap();
}

pub async fn drain(node: &Node, name: &str) -> Plan {
    let request = DrainShardRequest { name: name.to_owned(), dry_run: false };
    node.growth().drain_shard(request).await.unwrap().into_inner().plan.unwrap()
}

async fn rebalance(node: &Node) -> Plan {
    node.growth().rebalance(RebalanceRequest::default()).await.unwrap().into_inner().plan.unwrap()
}

/// Waits for the end of all moves; how many were undone.
pub async fn ended(node: &Node) -> u32 {
    let begun = Instant::now();
    loop {
        let list = ListMovesRequest { operation: String::new(), ended: 1000 };
        let answer = node.growth().list_moves(list).await.unwrap().into_inner();
        let progress = answer.progress.unwrap();
        if progress.ended == progress.moves {
            for row in answer.moves.iter().filter(|row| !row.error.is_empty()) {
                println!("move {} {}: {}", row.id, row.step, row.error);
            }
            return progress.undone;
        }
        if begun.elapsed() > Duration::from_mins(5) {
            let open: Vec<_> = answer.moves.iter().map(|row| (row.id, &row.step, &row.error)).take(8).collect();
            panic!("the moves do not end: {open:?}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until each move of an operation, or of all, is committed or on its way back.
pub async fn decided(node: &Node, operation: &str) -> ListMovesResponse {
    let (list, begun) = (ListMovesRequest { operation: operation.to_owned(), ended: 1000 }, Instant::now());
    loop {
        let answer = node.growth().list_moves(list.clone()).await.unwrap().into_inner();
        let progress = answer.progress.unwrap();
        if progress.committed + progress.undone == progress.moves {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_mins(20), "the moves do not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub async fn require_no_fault(node: &Node) {
    let answer = node.growth().verify(VerifyRequest { deep: false }).await.unwrap().into_inner();
    assert_eq!(answer.faults, Vec::<String>::new());
    assert_eq!(answer.buckets, 4096);
}

pub async fn counts(node: &Node) -> Vec<(String, u32)> {
    let answer = node.growth().list_shards(ListShardsRequest::default()).await.unwrap().into_inner();
    answer.shards.into_iter().map(|shard| (shard.name, shard.buckets)).collect()
}

pub async fn refusal<T>(answer: impl Future<Output = Result<T, tonic::Status>>) -> String {
    match answer.await {
        Ok(_) => panic!("it was not refused"),
        Err(status) => status.message().to_owned(),
    }
}

// R14 R15 R64 R68 R69: from one engine to the other and back, under writes.
async fn everything_moves(from: ShardEngine, to: ShardEngine) {
    let cluster = Cluster::on(from).await;
    let node = cluster.start(Some(1)).await.unwrap();
    let shards = shards(&cluster, &node).await;
    settle(&shards).await;
    let first = node.catalog().current().shards()[0].name.clone();
    let traffic = Traffic::begin(&shards, 8);
    traffic.more(100).await;
    add(&node, to.new_location("b").await.unwrap(), "b").await;
    let plan = drain(&node, &first).await;
    assert_eq!((plan.buckets, plan.transfers.len()), (4096, 1));
    assert_eq!(ended(&node).await, 0);
    traffic.more(100).await;
    let books = traffic.end().await;
    println!("{from:?} to {to:?}: {} acknowledged, longest {:?}", books.acknowledged(), books.longest);
    assert_eq!(books.audit(&shards).await, Vec::<String>::new());
    require_no_fault(&node).await;
    assert_eq!(counts(&node).await, [(first.clone(), 0), ("b".to_owned(), 4096)]);
    node.growth().remove_shard(RemoveShardRequest { name: first, dry_run: false }).await.unwrap();
    assert_eq!(counts(&node).await, [("b".to_owned(), 4096)]);
    assert!(node.stop().await);
    // The next start finds it as it was left.
    let node = cluster.start(None).await.unwrap();
    require_no_fault(&node).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_moves_from_a_file_to_a_file_under_writes() {
    everything_moves(Sqlite, Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_moves_from_a_file_to_postgres_under_writes() {
    everything_moves(Sqlite, Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_moves_from_postgres_to_postgres_under_writes() {
    everything_moves(Postgres, Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_moves_from_postgres_to_a_file_under_writes() {
    everything_moves(Postgres, Sqlite).await;
}

// R8 R66: 1, 2, 4, 5 shards; the fifth gets its share and nothing else moves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_grows_from_one_shard_to_five_and_only_shares_move() {
    let cluster = Cluster::new();
    let node = cluster.start(Some(1)).await.unwrap();
    let shards = shards(&cluster, &node).await;
    settle(&shards).await;
    let traffic = Traffic::begin(&shards, 4);
    for (names, moved) in [(&["b"][..], 2048), (&["c", "d"], 2048), (&["e"], 819)] {
        for name in names {
            add(&node, Sqlite.new_location(name).await.unwrap(), name).await;
        }
        let dry = RebalanceRequest { dry_run: true, ..RebalanceRequest::default() };
        let dry = node.growth().rebalance(dry).await.unwrap().into_inner().plan.unwrap();
        let plan = rebalance(&node).await;
        assert_eq!((plan.buckets, dry.buckets, dry.operation.as_str()), (moved, moved, ""));
        assert!(plan.transfers.iter().all(|way| names.contains(&way.target.as_str())), "{:?}", plan.transfers);
        assert_eq!(ended(&node).await, 0);
        traffic.more(50).await;
    }
    let books = traffic.end().await;
    assert_eq!(books.audit(&shards).await, Vec::<String>::new());
    require_no_fault(&node).await;
    assert!(counts(&node).await.iter().all(|(_, buckets)| (819..=820).contains(buckets)));
    assert_eq!(rebalance(&node).await.buckets, 0, "there is nothing left to do");
    node.stop().await;
}

// R68: a router that dies leaves its moves to the next, wherever it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moves_survive_routers_that_are_killed_at_any_moment() {
    let mut cluster = Cluster::on_postgres().await;
    cluster.moves.batch = 32;
    // Writers wait two seconds for a bucket; within them another router has to have it, on a busy machine too.
    cluster.moves.lease_ms = 1000;
    let node = cluster.start(Some(2)).await.unwrap();
    let mut router = cluster.start(Some(2)).await.unwrap();
    let shards = shards(&cluster, &node).await;
    settle(&shards).await;
    let traffic = Traffic::begin(&shards, 4);
    drain(&node, "shard-0").await;
    for round in 0..12u64 {
        tokio::time::sleep(Duration::from_millis(40 + round * 37 % 160)).await;
        router.kill().await;
        router = cluster.start(Some(2)).await.unwrap();
    }
    ended(&node).await;
    // What was undone on the way is asked for again.
    while drain(&node, "shard-0").await.buckets > 0 {
        ended(&node).await;
    }
    let books = traffic.end().await;
    println!("{} acknowledged, longest {:?}", books.acknowledged(), books.longest);
    assert_eq!(books.audit(&shards).await, Vec::<String>::new());
    require_no_fault(&node).await;
    router.stop().await;
    node.stop().await;
}

struct Two {
    cluster: Cluster,
    node: Node,
    shards: Shards,
}

/// Two shards, with moves that stay in their grace time.
async fn two(grace_ms: i64) -> Two {
    let mut cluster = Cluster::new();
    cluster.moves.grace_ms = grace_ms;
    let node = cluster.start(Some(2)).await.unwrap();
    let shards = shards(&cluster, &node).await;
    settle(&shards).await;
    Two { cluster, node, shards }
}

pub async fn step_of(node: &Node, operation: &str) -> (String, String, u64) {
    let list = ListMovesRequest { operation: operation.to_owned(), ended: 0 };
    let answer = node.growth().list_moves(list).await.unwrap().into_inner();
    let row = answer.moves.into_iter().next().unwrap();
    (row.step, row.error, row.id)
}

pub async fn until_step(node: &Node, operation: &str, step: &str) -> u64 {
    for _ in 0..12_000 {
        let (now, _, id) = step_of(node, operation).await;
        if now == step {
            return id;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never at {step}: {:?}", step_of(node, operation).await);
}

pub async fn move_bucket(node: &Node, bucket: u32, to: &str) -> String {
    let request = MoveBucketRequest { bucket, to: to.to_owned(), dry_run: false };
    node.growth().move_bucket(request).await.unwrap().into_inner().plan.unwrap().operation
}

// R69: within the grace time the way back is as safe as the way there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_committed_move_is_reverted_with_all_that_was_written_since() {
    let Two { node, shards, .. } = two(600_000).await;
    // User 90 is of bucket 90, on shard local-0.
    let traffic = Traffic::begin(&shards, 4);
    let operation = move_bucket(&node, 90, "local-1").await;
    let id = until_step(&node, &operation, "grace").await;
    traffic.more(200).await;
    let control = |control: Control, id| ControlMovesRequest { control: control.into(), id, operation: String::new() };
    let late = refusal(node.growth().control_moves(control(Control::Cancel, id))).await;
    assert!(late.contains("committed") && late.contains(&format!("move revert {id}")), "{late}");
    node.growth().control_moves(control(Control::Revert, id)).await.unwrap();
    let back = until_step(&node, &format!("revert-{operation}"), "grace").await;
    traffic.more(200).await;
    assert_eq!(step_of(&node, &operation).await.0, "reverted");
    // The grace time is cut short by moving it again.
    let again = move_bucket(&node, 90, "local-1").await;
    until_step(&node, &again, "grace").await;
    assert_eq!(step_of(&node, &format!("revert-{operation}")).await.0, "done");
    assert!(back > id);
    let books = traffic.end().await;
    let faults = books.audit(&shards).await;
    // The rows on the shard it came from are kept for the grace time, and nothing else is wrong.
    let of_the_bucket = |fault: &String| ["bucket 90", "user 90", "user 4186"].iter().any(|kept| fault.contains(kept));
    assert!(faults.iter().all(of_the_bucket), "{faults:?}");
    require_no_fault(&node).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_is_held_goes_on_and_is_cancelled_before_its_commit() {
    let mut cluster = Cluster::new();
    cluster.moves.parallel = 0;
    let still = cluster.start(Some(2)).await.unwrap();
    let operation = move_bucket(&still, 90, "local-1").await;
    let all = |control: Control| ControlMovesRequest { control: control.into(), id: 0, operation: operation.clone() };
    assert_eq!(still.growth().control_moves(all(Control::Pause)).await.unwrap().into_inner().moves, 1);
    let twice = MoveBucketRequest { bucket: 90, to: "local-1".into(), dry_run: false };
    let busy = refusal(still.growth().move_bucket(twice)).await;
    assert!(busy.contains("bucket 90 is being moved by bucket-90") && busy.contains("move cancel"), "{busy}");
    still.stop().await;

    cluster.moves.parallel = 2;
    let node = cluster.start(Some(2)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(step_of(&node, &operation).await.0, "import", "held");
    assert_eq!(node.growth().control_moves(all(Control::Cancel)).await.unwrap().into_inner().moves, 1);
    until_step(&node, &operation, "undone").await;
    require_no_fault(&node).await;
    assert_eq!(counts(&node).await, [("local-0".to_owned(), 2048), ("local-1".to_owned(), 2048)]);
    let operation = move_bucket(&node, 90, "local-1").await;
    until_step(&node, &operation, "done").await;
    require_no_fault(&node).await;
    node.stop().await;
}

// The twin of the comparison: a copied row that is not the one of the source stops the move, and is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_was_copied_wrongly_undoes_the_move_and_is_named() {
    let Two { cluster, node, shards } = two(0).await;
    let target = shards.all()[1].engine().clone();
    execute(
        &*target,
        "CREATE TRIGGER corrupt AFTER INSERT ON users WHEN NEW.bucket = 90 AND NEW.first_name <> 'Eve'
         BEGIN UPDATE users SET first_name = 'Eve' WHERE bucket = NEW.bucket AND id = NEW.id; END",
    )
    .await;
    let operation = move_bucket(&node, 90, "local-1").await;
    until_step(&node, &operation, "undone").await;
    let (_, error, _) = step_of(&node, &operation).await;
    assert!(error.contains("a row of users in bucket 90 differs") && error.contains("key 90"), "{error}");
    require_no_fault(&node).await;
    execute(&*target, "DROP TRIGGER corrupt").await;
    let rows = bucket_owner::get(&mut store::Primary(&*target), model::Bucket(90)).await.unwrap().unwrap();
    assert_eq!(rows.state, State::Gone);
    let operation = move_bucket(&node, 90, "local-1").await;
    until_step(&node, &operation, "done").await;
    require_no_fault(&node).await;
    node.stop().await;
    drop(cluster);
}

// The twins of the books: a source that does not log what it should, and one that lets writers through its fence, are found out – by the
// comparison, which undoes the moves, or by the books afterwards.
async fn sabotaged(trigger: &'static str) -> (u32, Vec<String>) {
    let Two { node, shards, .. } = two(600_000).await;
    execute(&**shards.all()[0].engine(), trigger).await;
    let traffic = Traffic::begin(&shards, 8);
    traffic.more(100).await;
    let operation = drain(&node, "local-0").await.operation;
    let begun = Instant::now();
    let undone = loop {
        let list = ListMovesRequest { operation: operation.clone(), ended: 0 };
        let progress = node.growth().list_moves(list).await.unwrap().into_inner().progress.unwrap();
        if progress.committed + progress.undone == progress.moves || begun.elapsed() > Duration::from_secs(20) {
            break progress.undone;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    // A lost change makes the writer stop that meets it: what it has noted until then is enough.
    let books = traffic.end_whatever_happened().await;
    let faults = books.audit(&shards).await;
    node.kill().await;
    // Rows that wait for the end of the grace time are no faults.
    (undone, faults.into_iter().filter(|fault| fault.contains("version") || fault.contains("owns it: true")).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_forgets_to_log_is_found_out() {
    let (undone, faults) = sabotaged(
        "CREATE TRIGGER forget AFTER INSERT ON change_log WHEN NEW.table_name = 'users'
         BEGIN DELETE FROM change_log WHERE bucket = NEW.bucket AND id = NEW.id; END",
    )
    .await;
    println!("{undone} moves undone, {} faults", faults.len());
    assert!(undone > 0 || !faults.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fence_that_lets_writers_through_is_found_out() {
    let (undone, faults) = sabotaged(
        "CREATE TRIGGER leak AFTER UPDATE ON bucket_owner WHEN NEW.state = 'fenced'
         BEGIN UPDATE bucket_owner SET state = 'logging', epoch = NEW.epoch - 1 WHERE bucket = NEW.bucket; END",
    )
    .await;
    println!("{undone} moves undone, {} faults", faults.len());
    assert!(undone > 0 || !faults.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_refused_with_what_to_do() {
    let Two { cluster, node, shards } = two(0).await;
    let mut growth = node.growth();
    let add = |location: &str, name: &str| AddShardRequest {
        location: location.to_owned(),
        name: name.to_owned(),
        ..AddShardRequest::default()
    };
    for (request, words) in [
        (add("shards/local-0.db", ""), "this database is a shard already: local-0"),
        (add("shards/x.db", "local-1"), "choose another name"),
        (add("shards/x.db", "No Name"), "small letters"),
        (add("../x.db", ""), "relative to the data directory"),
        (add("/etc/x.db", ""), "relative to the data directory"),
        (add("somewhere", ""), "postgres://host:port/database"),
        (add("postgres://me:hunter2@127.0.0.1/x", ""), "without a user and a password"),
        (add("postgres://127.0.0.1:1/x", ""), "postgres://127.0.0.1:1/x"),
        // Another member of this cluster: the catalog.
        (add("catalog.db", ""), "catalog"),
    ] {
        let refused = refusal(growth.add_shard(request.clone())).await;
        assert!(refused.contains(words) && !refused.contains("hunter2"), "{request:?}: {refused}");
    }
    // A database of somebody else.
    let server = testkit::engines::Postgres::shared().await.unwrap();
    let full = server.fresh_database().await.unwrap();
    server.sql(&full, "CREATE TABLE theirs (id int)").await.unwrap();
    for dry_run in [true, false] {
        let request = AddShardRequest { dry_run, ..add(&server.url(&full), "") };
        let refused = refusal(growth.add_shard(request)).await;
        assert!(refused.contains("empty") || refused.contains("another program"), "{refused}");
    }
    let bucket = |bucket, to: &str| MoveBucketRequest { bucket, to: to.to_owned(), dry_run: true };
    for (request, words) in [
        (bucket(90, "nowhere"), "there is no shard nowhere"),
        (bucket(90, "local-0"), "on local-0 already"),
        (bucket(4096, "local-1"), "there is no bucket 4096"),
    ] {
        let refused = refusal(growth.move_bucket(request)).await;
        assert!(refused.contains(words), "{refused}");
    }
    let remove = |name: &str| RemoveShardRequest { name: name.to_owned(), dry_run: false };
    let owning = refusal(growth.remove_shard(remove("local-0"))).await;
    assert!(owning.contains("owns 2048 buckets") && owning.contains("shard drain local-0"), "{owning}");
    drain(&node, "local-0").await;
    let last = refusal(growth.drain_shard(DrainShardRequest { name: "local-1".into(), dry_run: false })).await;
    assert!(last.contains("last shard"), "{last}");
    assert_eq!(ended(&node).await, 0);
    let unknown = ControlMovesRequest { control: Control::Pause.into(), id: 999_999, operation: String::new() };
    assert!(refusal(growth.control_moves(unknown)).await.contains("no move 999999"));
    let nothing = refusal(growth.control_moves(ControlMovesRequest::default())).await;
    assert!(!nothing.is_empty());
    require_no_fault(&node).await;
    // A row where it does not belong is told, with its place.
    let local_0 = shards.all()[0].engine().clone();
    execute(&*local_0, "INSERT INTO inbox (bucket, id, consumed_at, expires_at) VALUES (90, 'stray', 0, 0)").await;
    let answer = growth.verify(VerifyRequest { deep: false }).await.unwrap().into_inner();
    assert_eq!(answer.faults.len(), 1);
    assert!(answer.faults[0].contains("local-0 holds 1 rows of bucket 90"), "{:?}", answer.faults);
    let holding = refusal(growth.remove_shard(remove("local-0"))).await;
    assert!(holding.contains("still holds 1 rows"), "{holding}");
    node.stop().await;
    drop(cluster);
}
