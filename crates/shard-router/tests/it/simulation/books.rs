//! What the people of a simulation were told, and what they and the databases may not do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use model::{Bucket, Epoch};

/// One user's.
#[derive(Debug, Default)]
pub struct Account {
    /// Marks that were acknowledged.
    pub acknowledged: BTreeSet<u64>,
    /// Marks of which nobody knows.
    pub in_doubt: BTreeSet<u64>,
    /// What the row may hold: the version and the last mark. More than one after an answer that was not heard.
    pub may_be: BTreeSet<(u64, String)>,
}

/// Everybody's. Clones share them.
#[derive(Clone, Default)]
pub struct Books(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    accounts: BTreeMap<u64, Account>,
    /// Bucket → the epoch in which a write was let in last, and the database that did it.
    let_in: BTreeMap<Bucket, (Epoch, String)>,
    faults: Vec<String>,
    acknowledged: u64,
}

impl Books {
    pub fn fault(&self, fault: String) {
        self.0.lock().unwrap().faults.push(fault);
    }

    pub fn faults(&self) -> Vec<String> {
        self.0.lock().unwrap().faults.clone()
    }

    /// How many writes were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.0.lock().unwrap().acknowledged
    }

    /// Looks at one user's account, or changes it.
    pub fn account<T>(&self, user: u64, look: impl FnOnce(&mut Account) -> T) -> T {
        look(self.0.lock().unwrap().accounts.entry(user).or_default())
    }

    pub fn users(&self) -> Vec<u64> {
        self.0.lock().unwrap().accounts.keys().copied().collect()
    }

    /// A database lets a write into a bucket: in one epoch only one does, and none in an earlier epoch than another did.
    pub fn let_in(&self, bucket: Bucket, epoch: Epoch, database: &str) {
        let mut inner = self.0.lock().unwrap();
        let before = inner.let_in.insert(bucket, (epoch, database.to_owned()));
        let Some((earlier, other)) = before else { return };
        if epoch < earlier || (epoch == earlier && database != other) {
            inner.faults.push(format!(
                "{database} let a write into bucket {bucket} in epoch {} after {other} did in epoch {}",
                epoch.0, earlier.0
            ));
        }
    }

    /// A write of a mark began on a row of this version and with this mark.
    pub fn acknowledge(&self, user: u64, mark: u64, found: &(u64, String)) {
        let mut inner = self.0.lock().unwrap();
        inner.acknowledged += 1;
        let account = inner.accounts.entry(user).or_default();
        account.acknowledged.insert(mark);
        let expected = std::mem::take(&mut account.may_be);
        account.may_be.insert((found.0 + 1, mark.to_string()));
        if !expected.contains(found) {
            inner.faults.push(format!("user {user} had {found:?} before mark {mark} and could have had {expected:?}"));
        }
    }

    /// Nobody knows whether a mark was written.
    pub fn doubt(&self, user: u64, mark: u64) {
        self.account(user, |account| {
            account.in_doubt.insert(mark);
            let after: Vec<_> = account.may_be.iter().map(|(version, _)| (version + 1, mark.to_string())).collect();
            account.may_be.extend(after);
        });
    }
}
