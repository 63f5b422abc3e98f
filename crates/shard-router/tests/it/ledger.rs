//! People who go on using the system while it grows, and the books that are kept of what they were told: each change that was
//! acknowledged is there afterwards, once, on the shard that owns its bucket.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use model::{Bucket, UserId};
use store::tables::{inbox, outbox, users};
use store::{BucketTx, Primary, transfer};
use tokio::task::{JoinError, JoinHandle};
use tokio_util::task::TaskTracker;
use topology::Shards;

/// Users that are written to: two of each bucket.
const USERS: u64 = 48;
const STEP: u64 = 89;

/// What was acknowledged.
#[derive(Debug, Default)]
pub struct Books {
    /// User → marks that were acknowledged.
    marks: BTreeMap<u64, BTreeSet<String>>,
    /// User → the version that was acknowledged last.
    versions: BTreeMap<u64, u64>,
    pub failed: Vec<String>,
    pub longest: Duration,
}

/// The writers.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    writers: Vec<JoinHandle<Books>>,
}

pub fn user(number: u64) -> UserId {
    let (bucket, round) = (number % (USERS / 2), number / (USERS / 2));
    UserId::new(1 + bucket * STEP + round * u64::from(model::BUCKETS)).unwrap()
}

/// The users, before anything moves.
pub async fn settle(shards: &Shards) {
    for number in 0..USERS {
        let id = user(number);
        let made = shards.write(id, move |tx| Box::pin(async move { users::insert(tx, &person(id)).await }));
        assert!(made.await.unwrap().value);
    }
}

pub fn person(id: UserId) -> users::UserRow {
    users::UserRow {
        state: users::State::Live,
        session_epoch: 1,
        email_normal: format!("user{}@example.com", id.get()),
        picture_version: 0,
        user: model::profile::User {
            id,
            version: 1,
            email: format!("user{}@example.com", id.get()),
            first_name: "Ada".into(),
            last_name: "Lovelace".into(),
            address: None,
            phone_numbers: Vec::new(),
            picture: None,
            role: model::profile::Role::User,
            created_at_ms: 1,
            updated_at_ms: 1,
        },
    }
}

impl Traffic {
    /// Begins with `writers` that write to different users.
    pub fn begin(shards: &Shards, writers: u64) -> Self {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let tasks = TaskTracker::new();
        let writer = |number| {
            let (shards, stop, written) = (shards.clone(), Arc::clone(&stop), Arc::clone(&written));
            tasks.spawn(async move { write(&shards, number, writers, &stop, &written).await })
        };
        let writers = (0..writers).map(writer).collect();
        Self { stop, written, writers }
    }

    /// Waits until so many more changes were acknowledged.
    pub async fn more(&self, changes: u64) {
        let from = self.written.load(Ordering::Relaxed);
        let begun = Instant::now();
        while self.written.load(Ordering::Relaxed) < from + changes {
            assert!(begun.elapsed() < Duration::from_mins(2), "nothing is acknowledged any more");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends, and gives the books.
    pub async fn end(self) -> Books {
        self.gather(|ended| ended.unwrap()).await
    }

    /// The same where a writer may have fallen over a change that was lost: its books are gone, and that it fell is a fault.
    pub async fn end_whatever_happened(self) -> Books {
        let fell =
            |_| Books { failed: vec!["a writer met another version than it was told".to_owned()], ..Books::default() };
        self.gather(|ended| ended.unwrap_or_else(fell)).await
    }

    async fn gather(self, read: impl Fn(Result<Books, JoinError>) -> Books) -> Books {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Books::default();
        for ended in join_all(self.writers).await {
            let books = read(ended);
            all.marks.extend(books.marks);
            all.versions.extend(books.versions);
            all.failed.extend(books.failed);
            all.longest = all.longest.max(books.longest);
        }
        all
    }
}

async fn write(shards: &Shards, first: u64, every: u64, stop: &AtomicBool, written: &AtomicU64) -> Books {
    let mut books = Books::default();
    let mut round = 0u64;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        for number in (first..USERS).step_by(usize::try_from(every).unwrap()) {
            let (id, mark) = (user(number), format!("{number}-{round}"));
            let expected = books.versions.get(&id.get()).copied().unwrap_or(1);
            let text = mark.clone();
            let begun = Instant::now();
            let done = shards.write(id, move |tx| Box::pin(change(tx, id, expected, text.clone()))).await;
            books.longest = books.longest.max(begun.elapsed());
            match done {
                Ok(_) => {
                    written.fetch_add(1, Ordering::Relaxed);
                    books.versions.insert(id.get(), expected + 1);
                    books.marks.entry(id.get()).or_default().insert(mark);
                }
                Err(error) => books.failed.push(format!("{}: {error}", id.get())),
            }
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    books
}

/// A change of three tables: a profile by its version, a mark that stays, a message that comes and goes.
async fn change(tx: &mut BucketTx<'_>, id: UserId, expected: u64, mark: String) -> store::Result<()> {
    let bucket = tx.bucket();
    let mut row = users::get_live(tx, bucket, id).await?.unwrap();
    assert_eq!(row.user.version, expected, "a change of user {} was lost or came twice", id.get());
    row.user.version += 1;
    row.user.first_name.clone_from(&mark);
    assert!(users::update(tx, expected, &row).await?);
    assert!(inbox::consume(tx, &mark, 1, i64::MAX).await?);
    let message = outbox::add(tx, "test", mark.into_bytes(), 1, 1).await?;
    if expected.is_multiple_of(2) {
        outbox::remove(tx, message).await?;
    }
    Ok(())
}

impl Books {
    /// Holds the books against the databases. Every fault is a sentence.
    pub async fn audit(&self, shards: &Shards) -> Vec<String> {
        let topology = shards.topology();
        let mut faults = self.failed.clone();
        for (&id, marks) in &self.marks {
            let id = UserId::new(id).unwrap();
            let place = topology.locate(id);
            for shard in shards.all() {
                let owner = shard.id() == place.shard;
                let mut read = Primary(&**shard.engine());
                let found = users::get(&mut read, place.bucket, id).await.unwrap();
                if !owner && found.is_some() {
                    faults.push(format!("user {} is on shard {} too", id.get(), shard.id()));
                }
                if owner && found.map(|row| row.user.version) != self.versions.get(&id.get()).copied() {
                    faults.push(format!("user {} has another version than was acknowledged", id.get()));
                }
                for mark in marks {
                    if inbox::contains(&mut read, place.bucket, mark).await.unwrap() != owner {
                        faults.push(format!("mark {mark} of user {}: shard {} owns it: {owner}", id.get(), shard.id()));
                    }
                }
            }
        }
        let here = topology.places().map(|place| (place.bucket, place.shard)).collect::<BTreeMap<Bucket, _>>();
        for shard in shards.all() {
            for (bucket, rows) in transfer::by_bucket(&**shard.engine()).await.unwrap() {
                if here.get(&bucket) != Some(&shard.id()) {
                    faults.push(format!("shard {} has {rows} rows of bucket {bucket}", shard.id()));
                }
            }
        }
        faults
    }

    pub fn acknowledged(&self) -> usize {
        self.marks.values().map(BTreeSet::len).sum()
    }
}
