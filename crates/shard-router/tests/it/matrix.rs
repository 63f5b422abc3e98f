//! The crash matrix: at every step of a move, the router, the source's server or the target's server is killed, or stopped and let go on.
//!
//! Three PostgreSQL servers, a router as a process of its own that halts at the step, another router that may take over, writers. Whatever
//! becomes of the move, what was acknowledged is there afterwards, once, where the map says. The long form, `MYRIAD_MATRIX=1` in
//! `make growth-test` or `MYRIAD_MATRIX=commit,activate`, goes through all steps or these; the short form takes one of each kind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use api::growth::v1::{ListMovesRequest, MoveBucketRequest, VerifyRequest};
use model::UserId;
use rustix::process::{Pid, Signal, kill_process};
use store::Primary;
use store::tables::inbox;
use testkit::engines::Postgres;
use testkit::eventually;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use topology::Shards;

use crate::client::shards;
use crate::cluster::{Cluster, Databases, Node};

/// The first round's bucket; each has one of its own, so that all move as little.
const FIRST: u32 = 90;
/// Users of the bucket that moves.
const USERS: u64 = 3;
const STEPS: [&str; 10] =
    ["import", "log", "copy", "catch-up", "verify", "fence", "drain", "commit", "activate", "clean"];
const LIMIT: Duration = Duration::from_mins(2);
/// Longer than a lease: another router has taken the move over by then.
const OUTAGE: Duration = Duration::from_millis(1_500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Router,
    Source,
    Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Kill,
    Stop,
}

const KINDS: [(Victim, Fault); 6] = [
    (Victim::Router, Fault::Kill),
    (Victim::Router, Fault::Stop),
    (Victim::Source, Fault::Kill),
    (Victim::Source, Fault::Stop),
    (Victim::Target, Fault::Kill),
    (Victim::Target, Fault::Stop),
];

/// Marks that were acknowledged, by user.
type Marks = BTreeMap<u64, Vec<String>>;

/// Writers that go on whatever they are told, and note what was acknowledged.
struct Writers {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<(u64, Vec<String>)>>,
}

impl Writers {
    fn begin(shards: &Shards, bucket: u32) -> Self {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let tracker = TaskTracker::new();
        let writer = |id: u64| {
            let (shards, stop, written) = (shards.clone(), Arc::clone(&stop), Arc::clone(&written));
            tracker.spawn(async move {
                let mut acknowledged = Vec::new();
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    let mark = format!("{bucket}-{id}-{number}");
                    let text = mark.clone();
                    let user = UserId::new(id).unwrap();
                    let done = shards.write(user, move |tx| {
                        let text = text.clone();
                        Box::pin(async move { inbox::consume(tx, &text, 1, i64::MAX).await })
                    });
                    if done.await.is_ok_and(|done| done.value) {
                        acknowledged.push(mark);
                        written.fetch_add(1, Ordering::Relaxed);
                    }
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
                (id, acknowledged)
            })
        };
        // One of a bucket that stays is among them.
        let ids = (0..USERS).map(|user| u64::from(bucket) + user * u64::from(model::BUCKETS)).chain([1]);
        Self { tasks: ids.map(writer).collect(), stop, written }
    }

    async fn more(&self, marks: u64) {
        let from = self.written.load(Ordering::Relaxed);
        eventually("more is acknowledged", LIMIT, async || {
            (self.written.load(Ordering::Relaxed) >= from + marks).then_some(())
        })
        .await;
    }

    async fn end(self) -> Marks {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Marks::new();
        for task in self.tasks {
            let (user, marks) = task.await.unwrap();
            all.insert(user, marks);
        }
        all
    }
}

/// Two servers for the shards, which are hurt; the catalog is on the one that all tests share.
struct Lab {
    cluster: Cluster,
    servers: [Postgres; 2],
    config: PathBuf,
}

impl Lab {
    async fn start() -> Self {
        let shared = Postgres::shared().await.unwrap();
        let catalog = shared.url(&shared.fresh_database().await.unwrap());
        let folder = tempfile::Builder::new().prefix("myriad-matrix-").tempdir().unwrap().keep();
        let mut servers = Vec::new();
        for name in ["a", "b"] {
            let home = folder.join(name);
            std::fs::create_dir_all(&home).unwrap();
            let server = Postgres::start(&home).await.unwrap();
            server.create_database("shard").await.unwrap();
            servers.push(server);
        }
        let servers: [Postgres; 2] = servers.try_into().unwrap();
        let urls = servers.iter().map(|server| server.url("shard")).collect();
        let databases = Databases { catalog, shards: urls };
        let config = folder.join("router.toml");
        std::fs::write(&config, settings(&databases, &folder)).unwrap();
        let mut cluster = Cluster::on_databases(databases);
        cluster.moves.parallel = 0;
        // What halts under a fence is not undone for that alone.
        cluster.moves.max_pause_ms = 10_000;
        Self { cluster, servers, config }
    }

    /// A router that halts before it does this step, until the file is gone.
    fn halting_router(&self, step: &str, file: &Path) -> Child {
        Command::new(env!("CARGO_BIN_EXE_shard-router"))
            .arg("--config")
            .arg(&self.config)
            .env("MYRIAD_HALT", format!("{step}:{}", file.display()))
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    fn victim(&mut self, victim: Victim, source: usize) -> &mut Postgres {
        &mut self.servers[if victim == Victim::Source { source } else { 1 - source }]
    }
}

fn settings(databases: &Databases, folder: &Path) -> String {
    let shards: Vec<String> = databases.shards.iter().map(|url| format!("{url:?}")).collect();
    format!(
        "data_dir = \"{}\"\ncatalog = {:?}\nshard_locations = [{}]\nshards = 2\ncatch_up_ms = 20\n\
         grpc = \"127.0.0.1:0\"\nops = \"127.0.0.1:0\"\n\
         [engines.postgres]\nuser = {:?}\npassword = {:?}\npool = 4\nreaders = 4\n\
         [moves]\nparallel = 1\ngrace_ms = 0\nlease_ms = 1000\nmax_pause_ms = 10000\n[telemetry]\nfilter = \"error\"\n",
        folder.display(),
        databases.catalog,
        shards.join(", "),
        testkit::engines::postgres::SUPERUSER,
        testkit::engines::postgres::PASSWORD,
    )
}

/// One run: the step of the bucket's move from `source` to the other shard at which the fault happens.
async fn run(lab: &mut Lab, node: &Node, round: usize, step: &str, victim: Victim, fault: Fault) -> String {
    let shards = shards(&lab.cluster, node).await;
    let bucket = FIRST + u32::try_from(round).unwrap();
    let source = usize::try_from(node.catalog().current().place_of(model::Bucket(bucket)).unwrap().shard.0).unwrap();
    let writers = Writers::begin(&shards, bucket);
    writers.more(20).await;
    let file = lab.config.with_file_name(format!("halt-{round}"));
    let mut router = lab.halting_router(step, &file);
    let request = MoveBucketRequest { bucket, to: format!("shard-{}", 1 - source), dry_run: false };
    node.growth().move_bucket(request).await.unwrap();
    until_halted(node, &file).await;
    // Of those that may go on, one must be able to.
    let other = match victim {
        Victim::Router => Some(second_router(lab).await),
        Victim::Source | Victim::Target => None,
    };
    match (victim, fault) {
        (Victim::Router, Fault::Kill) => router.kill().await.unwrap(),
        (Victim::Router, Fault::Stop) => {
            let pid = Pid::from_raw(i32::try_from(router.id().unwrap()).unwrap()).unwrap();
            kill_process(pid, Signal::STOP).unwrap();
            std::fs::remove_file(&file).unwrap();
            ended(node).await;
            // It wakes as one who does not know that it lost the move.
            kill_process(pid, Signal::CONT).unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        (_, Fault::Kill) => {
            lab.victim(victim, source).kill().await.unwrap();
            std::fs::remove_file(&file).unwrap();
            tokio::time::sleep(OUTAGE).await;
            lab.victim(victim, source).restart().await.unwrap();
        }
        (_, Fault::Stop) => {
            lab.victim(victim, source).freeze();
            std::fs::remove_file(&file).unwrap();
            tokio::time::sleep(OUTAGE).await;
            lab.victim(victim, source).thaw();
        }
    }
    let outcome = ended(node).await;
    writers.more(20).await;
    let marks = writers.end().await;
    let acknowledged: usize = marks.values().map(Vec::len).sum();
    audit(&shards, &marks).await;
    let faults = node.growth().verify(VerifyRequest { deep: false }).await.unwrap().into_inner().faults;
    assert_eq!(faults, Vec::<String>::new(), "{step} {victim:?} {fault:?}");
    router.kill().await.unwrap();
    if let Some(other) = other {
        other.stop().await;
    }
    let _ = std::fs::remove_file(&file);
    format!("{outcome}, {acknowledged} acknowledged")
}

async fn until_halted(node: &Node, file: &Path) {
    let begun = Instant::now();
    while !file.exists() {
        if begun.elapsed() > LIMIT {
            let list = ListMovesRequest { operation: String::new(), ended: 2 };
            panic!("the router does not halt: {:?}", node.growth().list_moves(list).await.unwrap().into_inner().moves);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Another router on the same catalog, which does moves.
async fn second_router(lab: &mut Lab) -> Node {
    lab.cluster.moves.parallel = 1;
    lab.cluster.moves.lease_ms = 1_000;
    let node = lab.cluster.start(None).await.unwrap();
    lab.cluster.moves.parallel = 0;
    node
}

/// Waits for the end of all moves; how the last one ended.
async fn ended(node: &Node) -> String {
    eventually("the move ends", LIMIT, async || {
        let list = ListMovesRequest { operation: String::new(), ended: 1 };
        let moves = node.growth().list_moves(list).await.ok()?.into_inner().moves;
        let [row] = moves.as_slice() else { return None };
        ["done", "undone"].contains(&row.step.as_str()).then(|| match row.error.as_str() {
            "" => row.step.clone(),
            error => format!("{} ({error})", row.step),
        })
    })
    .await
}

/// Every mark is where its user is, and nowhere else.
async fn audit(shards: &Shards, marks: &Marks) {
    shards.refresh().await;
    for (&id, marks) in marks {
        let place = shards.topology().locate(UserId::new(id).unwrap());
        for shard in shards.all() {
            for mark in marks {
                let found = inbox::contains(&mut Primary(&**shard.engine()), place.bucket, mark).await.unwrap();
                assert_eq!(found, shard.id() == place.shard, "mark {mark} of user {id} on shard {}", shard.id());
            }
        }
    }
}

/// The steps of the long form; none in the short one.
#[expect(clippy::disallowed_methods, reason = "a switch of the long suite")]
fn asked() -> Option<Vec<&'static str>> {
    let asked = std::env::var("MYRIAD_MATRIX").ok()?;
    let is_asked = |step: &&str| asked == "1" || asked.split(',').any(|name| name == *step);
    Some(STEPS.into_iter().filter(is_asked).collect())
}

// R68: every step × {router, source, target} × {killed, stopped and let go on}.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_dies_at_whichever_step_nothing_acknowledged_is_lost() {
    let mut lab = Lab::start().await;
    let node = lab.cluster.start(Some(2)).await.unwrap();
    let chosen: Vec<_> = if let Some(steps) = asked() {
        steps.into_iter().flat_map(|step| KINDS.map(|(victim, fault)| (step, victim, fault))).collect()
    } else {
        // One of each kind, where it hurts.
        let hurts = ["fence", "commit", "drain", "copy", "activate", "clean"];
        hurts.into_iter().zip(KINDS).map(|(step, (victim, fault))| (step, victim, fault)).collect()
    };
    for (round, (step, victim, fault)) in chosen.into_iter().enumerate() {
        let begun = Instant::now();
        let outcome = run(&mut lab, &node, round, step, victim, fault).await;
        println!("| {step} | {victim:?} | {fault:?} | {outcome} | {:.1} s |", begun.elapsed().as_secs_f64());
    }
    node.stop().await;
}
