//! The count of wrong passwords an account, over a sliding window.
//!
//! Counted by account and not by caller, so that guessing from many addresses is as slow as from one; counted for accounts that
//! do not exist too, so that the limit tells nobody which do. A right password does not reset the count.
//!
//! Attempts at one account take turns once they could reach the limit together: otherwise twenty sent at the same moment would
//! all be looked at before the first was counted.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::tally::{Place, Standing, Tally};

/// How long an attempt waits for a place in the shared count, and how often it asks.
const PATIENCE: Duration = Duration::from_secs(2);
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// How many wrong passwords an account may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttemptSettings {
    /// Wrong passwords an account and window.
    pub limit: usize,
    /// The window, in milliseconds.
    pub window_ms: i64,
    /// Accounts remembered at once. Beyond, the one whose last wrong password is longest ago is forgotten. To push an account out,
    /// somebody must have this many others hashed within the window: 65,536 take a core most of an hour.
    pub accounts: usize,
}

impl Default for AttemptSettings {
    fn default() -> Self {
        Self { limit: 10, window_ms: 3_600_000, accounts: 65_536 }
    }
}

/// The account has seen its share of wrong passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong passwords, the next try is possible in {retry_after_s} s")]
pub struct TooMany {
    /// Seconds until the oldest wrong password leaves the window; at least 1.
    pub retry_after_s: u32,
    /// Wrong passwords an account may see in a window.
    pub limit: usize,
    /// The window, in milliseconds.
    pub window_ms: i64,
}

impl From<TooMany> for model::Error {
    fn from(TooMany { retry_after_s, limit, window_ms }: TooMany) -> Self {
        let detail = "Too many wrong passwords for this account. Try again after Retry-After seconds.";
        let policy = format!("\"account\";q={limit};w={}", window_ms / 1_000);
        Self::new(model::Code::RateLimited, detail).retry_after(retry_after_s).policy(policy)
    }
}

/// The counter. Cheap to clone; one for all the places where a password of an account is asked for.
#[derive(Clone)]
pub struct Attempts(Arc<Inner>);

struct Inner {
    settings: AttemptSettings,
    // Accounts are kept as keyed prints of fixed size: a long e-mail takes no more memory, a memory image shows none.
    prints: (RandomState, RandomState),
    tally: Option<Arc<dyn Tally>>,
    draws: AtomicU64,
    accounts: Mutex<HashMap<Print, Account>>,
}

type Print = (u64, u64);

#[derive(Default)]
struct Account {
    /// Times of wrong passwords, oldest first, `limit` at most.
    wrong: VecDeque<i64>,
    under_way: usize,
    turn: Arc<Notify>,
}

impl Attempts {
    /// A counter with nothing counted, of this process alone.
    pub fn new(settings: AttemptSettings) -> Self {
        Self::counting(settings, None)
    }

    /// A counter that counts together with other processes where there is a tally; where that does not answer, for itself.
    pub fn counting(settings: AttemptSettings, tally: Option<Arc<dyn Tally>>) -> Self {
        let prints = (RandomState::new(), RandomState::new());
        Self(Arc::new(Inner { settings, prints, tally, draws: AtomicU64::new(0), accounts: Mutex::default() }))
    }

    /// Asks whether a password of this account may be looked at now, and waits for its turn where others are under way.
    ///
    /// `account` is the normal form of the e-mail, whether or not there is such an account.
    pub async fn begin(&self, account: &str, now_ms: i64) -> Result<Attempt, TooMany> {
        let mut attempt = self.begin_here(account, now_ms).await?;
        if let Some(tally) = &self.0.tally {
            // Keyed by this process's own randomness, so that no other draws the same.
            let id = self.0.prints.0.hash_one((account, self.0.draws.fetch_add(1, Ordering::Relaxed)));
            let place = Place { account: account.to_owned(), id, now_ms, settings: self.0.settings };
            if self.take_place(&**tally, &place).await? {
                attempt.place = Some((Arc::clone(tally), place));
            }
        }
        Ok(attempt)
    }

    async fn begin_here(&self, account: &str, now_ms: i64) -> Result<Attempt, TooMany> {
        let print = (self.0.prints.0.hash_one(account), self.0.prints.1.hash_one(account));
        loop {
            let turn = match self.0.enter(print, now_ms)? {
                Entrance::Open => {
                    return Ok(Attempt { inner: Arc::clone(&self.0), print, wrong_at_ms: None, place: None });
                }
                Entrance::Wait(turn) => turn,
            };
            turn.await;
        }
    }

    /// False where nobody answers.
    async fn take_place(&self, tally: &dyn Tally, place: &Place) -> Result<bool, TooMany> {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            match tally.enter(place).await {
                Some(Standing::Open) => return Ok(true),
                None => return Ok(false),
                Some(Standing::Full(oldest_ms)) => return Err(self.0.too_many(oldest_ms, place.now_ms)),
                Some(Standing::Wait) if tokio::time::Instant::now() < until => tokio::time::sleep(ASK_AGAIN).await,
                Some(Standing::Wait) => return Err(self.0.too_many(i64::MIN, place.now_ms)),
            }
        }
    }

    /// Accounts remembered now.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether no account is remembered now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

enum Entrance {
    Open,
    Wait(tokio::sync::futures::OwnedNotified),
}

impl Inner {
    fn enter(&self, print: Print, now_ms: i64) -> Result<Entrance, TooMany> {
        let AttemptSettings { limit, window_ms, .. } = self.settings;
        let mut accounts = self.lock();
        if !accounts.contains_key(&print) {
            self.make_room(&mut accounts, now_ms);
        }
        let account = accounts.entry(print).or_default();
        account.forget_before(now_ms.saturating_sub(window_ms));
        if account.wrong.len() >= limit {
            return Err(self.too_many(account.wrong.front().copied().unwrap_or(i64::MIN), now_ms));
        }
        if account.wrong.len() + account.under_way < limit {
            account.under_way += 1;
            return Ok(Entrance::Open);
        }
        // Made while the lock is held, so that no turn given from now on is missed.
        Ok(Entrance::Wait(Arc::clone(&account.turn).notified_owned()))
    }

    /// The refusal until `oldest_ms` has left the window.
    fn too_many(&self, oldest_ms: i64, now_ms: i64) -> TooMany {
        let AttemptSettings { limit, window_ms, .. } = self.settings;
        let free_ms = oldest_ms.saturating_add(window_ms).saturating_sub(now_ms);
        let seconds = u32::try_from(free_ms.max(0) / 1_000 + i64::from(free_ms % 1_000 > 0)).unwrap_or(u32::MAX);
        TooMany { retry_after_s: seconds.max(1), limit, window_ms }
    }

    fn leave(&self, print: Print, wrong_at_ms: Option<i64>) {
        let mut accounts = self.lock();
        let Some(account) = accounts.get_mut(&print) else {
            return;
        };
        account.under_way -= 1;
        if let Some(at) = wrong_at_ms {
            account.wrong.push_back(at);
        }
        account.turn.notify_waiters();
        if account.under_way == 0 && account.wrong.is_empty() {
            accounts.remove(&print);
        }
    }

    /// Keeps the map within its bound: what has run out goes first, then the sixteenth part that is longest ago.
    fn make_room(&self, accounts: &mut HashMap<Print, Account>, now_ms: i64) {
        if accounts.len() < self.settings.accounts {
            return;
        }
        let horizon = now_ms.saturating_sub(self.settings.window_ms);
        accounts.retain(|_, account| account.under_way > 0 || account.last_wrong() > horizon);
        if accounts.len() < self.settings.accounts {
            return;
        }
        let mut idle: Vec<_> = accounts
            .iter()
            .filter(|(_, account)| account.under_way == 0)
            .map(|(print, account)| (account.last_wrong(), *print))
            .collect();
        idle.sort_unstable();
        for (_, print) in idle.iter().take(self.settings.accounts / 16 + 1) {
            accounts.remove(print);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Print, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn forget_before(&mut self, horizon_ms: i64) {
        while self.wrong.front().is_some_and(|&at| at <= horizon_ms) {
            self.wrong.pop_front();
        }
    }

    fn last_wrong(&self) -> i64 {
        self.wrong.back().copied().unwrap_or(i64::MIN)
    }
}

/// One password being looked at. Dropped without a word it counts for nothing: the password was right, or nobody learnt the verdict.
pub struct Attempt {
    inner: Arc<Inner>,
    print: Print,
    wrong_at_ms: Option<i64>,
    place: Option<(Arc<dyn Tally>, Place)>,
}

impl Attempt {
    /// The password was wrong.
    pub fn wrong(mut self, now_ms: i64) {
        self.wrong_at_ms = Some(now_ms);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.inner.leave(self.print, self.wrong_at_ms);
        if let Some((tally, place)) = self.place.take() {
            tally.leave(place, self.wrong_at_ms);
        }
    }
}
