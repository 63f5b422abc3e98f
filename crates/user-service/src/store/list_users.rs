//! The list of all users: a page of each shard after the same id, merged by id.

use model::{EmailAddress, Result, profile::User};
use store::tables::users;
use tokio::task::JoinSet;

use super::{Page, Recipes};

impl Recipes {
    /// Users with an id above `after`, in the order of ids, at most `limit`.
    ///
    /// A row lies on one shard; while its bucket moves it may show on two, and is shown once.
    ///
    /// # Errors
    /// `UNAVAILABLE` where a shard is not there: a list without its users would be wrong.
    pub async fn list_users(&self, after: u64, limit: usize) -> Result<Page<User>> {
        let wanted = u32::try_from(limit + 1).unwrap_or(u32::MAX);
        let mut pages = JoinSet::new();
        for shard in self.shards().every()? {
            pages.spawn(async move { users::page(&mut shard.read_all(), after, wanted).await });
        }
        let mut found: Vec<User> = Vec::new();
        while let Some(page) = pages.join_next().await {
            let rows = page.map_err(|_| model::Error::internal())??;
            found.extend(rows.into_iter().map(|row| row.user));
        }
        // The newer of two versions of one row comes first and is the one that stays.
        found.sort_by(|a, b| a.id.cmp(&b.id).then(b.version.cmp(&a.version)));
        found.dedup_by_key(|user| user.id);
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
