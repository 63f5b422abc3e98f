//! The points.

mod apply;
mod autoscale;
mod balance;
mod by_hand;
mod jobs;
mod policy;
mod restart;
mod router;
mod sessions;
mod shard;
mod upgrade;

use anyhow::Result;
use futures::future::BoxFuture;
use testkit::{Api, Person};

use crate::{Arguments, kube::Kube};

/// What every point works with.
pub struct Context {
    pub arguments: Arguments,
    pub kube: Kube,
    pub api: Api,
}

impl Context {
    pub fn new(arguments: Arguments, kube: Kube) -> Result<Self> {
        let api = Api::new(&format!("http://{}", arguments.address))?;
        Ok(Self { arguments, kube, api })
    }

    /// So many new people, on all four shards in turn as their ids come.
    pub async fn people(&self, count: usize) -> Vec<Person> {
        let mut people = Vec::with_capacity(count);
        while people.len() < count {
            people.push(Person::new(&self.api).await);
        }
        people
    }
}

type Point = for<'c> fn(&'c Context) -> BoxFuture<'c, Result<String>>;

/// Names and points in their order.
pub const ALL: [(&str, Point); 11] = [
    ("from nothing", |context| Box::pin(apply::from_nothing(context))),
    ("even, grows, heals", |context| Box::pin(balance::even_grows_heals(context))),
    ("rolling restart", |context| Box::pin(restart::rolling(context))),
    ("sessions everywhere", |context| Box::pin(sessions::everywhere(context))),
    ("broker's pod deleted", |context| Box::pin(jobs::broker_deleted(context))),
    ("a shard's pod deleted", |context| Box::pin(shard::deleted(context))),
    ("no router for a minute", |context| Box::pin(router::gone(context))),
    ("network policy", |context| Box::pin(policy::enforced(context))),
    ("autoscaling", |context| Box::pin(autoscale::up_and_down(context))),
    ("upgrade and back", |context| Box::pin(upgrade::there_and_back(context))),
    ("by hand", |context| Box::pin(by_hand::tools(context))),
];
