//! People who write, each in a process of its own with the real `Shards`, a map that may be old, and books of what it was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api::topology::v1::topology_service_server::TopologyServiceServer;
use model::UserId;
use model::profile::User;
use runtime::shutdown::Shutdown;
use store::tables::{inbox, outbox, users};
use store::{BucketTx, Error};
use tokio::time::sleep;
use tonic::service::Routes;
use topology::{Shards, Watch};

use super::books::Books;
use super::database::here;
use super::dice::Dice;
use super::news::News;
use super::process::Process;
use super::router::opener;
use super::world::World;
use crate::ledger::person;

/// Buckets that people are in; two of each, written to by two processes.
const BUCKETS: u64 = 10;
const USERS: u64 = 2 * BUCKETS;
/// Buckets of both first shards are among them.
const STEP: u64 = 89;

/// The ids of all users.
pub fn ids() -> impl Iterator<Item = u64> {
    (0..USERS).map(|number| 1 + number % BUCKETS * STEP + number / BUCKETS * u64::from(model::BUCKETS))
}

pub struct Person {
    name: String,
    shards: Shards,
    users: Vec<u64>,
    dice: Dice,
    world: World,
    next: u64,
    _shutdown: Shutdown,
}

impl Person {
    /// Joins; of `all` people it is the `number`th and writes to its own users.
    pub async fn join(world: &World, number: usize, all: usize) -> Self {
        let name = format!("person-{number}");
        let process = Arc::new(Process::new(name.clone()));
        let shutdown = Shutdown::new();
        let routes = Routes::new(TopologyServiceServer::new(News::of(world, &name)));
        let news = runtime::grpc::embedded(routes, &shutdown);
        let watch = Watch::start(news, None, &shutdown).await.unwrap();
        let shards = Shards::open(watch, opener(world, &process), &shutdown).await.unwrap();
        let users = ids().skip(number).step_by(all).collect();
        let dice = Dice::new(world.seed, &name);
        Self { name, shards, users, dice, world: world.clone(), next: 1, _shutdown: shutdown }
    }

    /// Signs its users up.
    pub async fn settle(&self) {
        for &id in &self.users {
            let user = UserId::new(id).unwrap();
            let made = self.shards.write(user, move |tx| Box::pin(async move { users::insert(tx, &row(user)).await }));
            assert!(made.await.unwrap().value);
            self.world.books.account(id, |account| account.may_be.insert((1, "0".to_owned())));
        }
    }

    /// Writes until it is told to stop, then once more to each user: by then nothing is in the way.
    pub async fn live(mut self, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::Relaxed) {
            let user = *self.dice.one_of(&self.users);
            // What it was told is in the books.
            let _ = self.write(user).await;
            sleep(self.dice.ms(5, 90)).await;
        }
        for user in self.users.clone() {
            if let Err(error) = self.write(user).await {
                self.world.books.fault(format!("in calm weather user {user} could not be written to: {error}"));
            }
        }
    }

    async fn write(&mut self, id: u64) -> Result<(), Error> {
        let mark = self.next;
        self.next += 1;
        let (user, books) = (UserId::new(id).unwrap(), self.world.books.clone());
        let done = self.shards.write(user, move |tx| Box::pin(change(tx, user, mark, books))).await;
        let heard = match &done {
            Ok(written) => format!("{} on shard {}", written.value.0 + 1, written.position.shard),
            Err(error) => error.to_string(),
        };
        self.world.journal.note(&self.name, format_args!("user {id} mark {mark}: {heard}"));
        match done {
            Ok(written) => {
                self.world.books.acknowledge(id, mark, &written.value);
                Ok(())
            }
            Err(error) => {
                match &error {
                    Error::InDoubt(_) => self.world.books.doubt(id, mark),
                    Error::Fault(fault) => self.world.books.fault(format!("user {id} mark {mark}: {fault}")),
                    _ => {}
                }
                Err(error)
            }
        }
    }
}

/// Changes three tables, one of each kind: a row of the user's, one that does not say whose it is, one that is the bucket's. Answers what the
/// user's row was before.
async fn change(tx: &mut BucketTx<'_>, id: UserId, mark: u64, books: Books) -> store::Result<(u64, String)> {
    let bucket = tx.bucket();
    books.let_in(bucket, tx.epoch(), &here());
    let Some(mut row) = users::get_live(tx, bucket, id).await? else {
        return Err(Error::Fault("the user is not there".to_owned()));
    };
    let before = (row.user.version, row.user.first_name.clone());
    row.user.version += 1;
    row.user.first_name = mark.to_string();
    let updated = users::update(tx, before.0, &row).await?;
    let name = mark_name(id, mark);
    let consumed = inbox::consume(tx, &name, 1, i64::MAX).await?;
    if !updated || !consumed {
        return Err(Error::Fault(format!("updated {updated}, consumed {consumed}")));
    }
    let message = outbox::add(tx, "test", name.into_bytes(), 1, 1).await?;
    if !leaves_message(mark) {
        outbox::remove(tx, message).await?;
    }
    Ok(before)
}

/// What is left in the `inbox`, and in the `outbox` where the message stays.
pub fn mark_name(user: UserId, mark: u64) -> String {
    format!("{}-{mark}", user.get())
}

/// Of every third mark the message stays.
pub const fn leaves_message(mark: u64) -> bool {
    mark.is_multiple_of(3)
}

fn row(id: UserId) -> users::UserRow {
    let row = person(id);
    users::UserRow { user: User { first_name: "0".to_owned(), ..row.user }, ..row }
}

/// How long people have for their last writes.
pub const LAST_WRITES: Duration = Duration::from_mins(1);
