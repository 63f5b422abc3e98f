//! The list of all users: a page of each shard after the same id, merged by id.

use std::sync::Arc;

use model::{Bucket, EmailAddress, Result, profile::User};
use store::{Shard, tables::users};
use tokio::task::JoinSet;
use topology::Topology;

use super::{Page, Recipes};

impl Recipes {
    /// Users with an id above `after`, in the order of ids, at most `limit`.
    ///
    /// While a bucket moves, two shards have its rows, and while a user gets another bucket, two buckets have its row: one topology says,
    /// for the whole of the page, which are shown.
    ///
    /// # Errors
    /// `UNAVAILABLE` where a shard is not there: a list without its users would be wrong.
    pub async fn list_users(&self, after: u64, limit: usize) -> Result<Page<User>> {
        let wanted = limit + 1;
        let topology = self.shards().topology();
        let mut pages = JoinSet::new();
        for shard in self.shards().every()? {
            pages.spawn(owned_page(shard, topology.clone(), after, wanted));
        }
        let mut found: Vec<User> = Vec::new();
        while let Some(page) = pages.join_next().await {
            found.extend(page.map_err(|_| model::Error::internal())??);
        }
        found.sort_by_key(|user| user.id);
        Ok(Page::cut(found, limit))
    }

    /// The page with the one user who has an address, or none.
    pub async fn find_user(&self, email: &EmailAddress, after: u64) -> Result<Page<User>> {
        let mut items = Vec::new();
        match self.resolve_email(email).await {
            Ok(id) if id.get() > after => items.extend(self.user_row(id).await?.map(|row| row.user)),
            Ok(_) => {}
            Err(error) if error.code == model::Code::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(Page { items, more: false })
    }
}

/// The next users of a shard that are its own: it reads on past those that are not.
async fn owned_page(shard: Shard, topology: Arc<Topology>, after: u64, wanted: usize) -> store::Result<Vec<User>> {
    let limit = u32::try_from(wanted).unwrap_or(u32::MAX);
    let mut found = Vec::new();
    // Nobody with this very id, in whatever bucket.
    let mut after = (after, Bucket(u32::MAX));
    loop {
        let rows = users::page(&mut shard.read_all(), after, limit).await?;
        let ended = rows.len() < wanted;
        after = rows.last().map_or(after, |(bucket, row)| (row.user.id.get(), *bucket));
        let own = rows.into_iter().filter(|(bucket, row)| topology.is_at(row.user.id, shard.id(), *bucket));
        found.extend(own.map(|(_, row)| row.user));
        if ended || found.len() >= wanted {
            return Ok(found);
        }
    }
}
