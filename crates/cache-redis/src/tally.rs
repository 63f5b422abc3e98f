//! The count of wrong passwords that all processes share (R8: counters live in Redis).
//!
//! An attempt takes a place before the password is looked at and gives it back after, so that many at once, at many processes, are never
//! more than the limit. A Redis that loses the count forgets wrong passwords, never a user: the processes then count each for itself.

use std::sync::Arc;
use std::time::Duration;

use password::{AttemptSettings, Place, Standing, Tally};
use redis::{Script, Value};
use tokio::sync::mpsc;

use crate::Redis;
use crate::requests::Request;

/// How long a place is held for an attempt that never ends: longer than any hash takes.
const HELD: Duration = Duration::from_secs(30);
/// Verdicts on their way. Beyond, they are dropped: the places then run out by themselves.
const ON_THEIR_WAY: usize = 4_096;

/// The shared count. Cheap to clone.
#[derive(Clone)]
pub struct RedisTally {
    redis: Redis,
    scripts: Arc<(Script, Script)>,
    verdicts: mpsc::Sender<Verdict>,
}

/// A place to be given back.
struct Verdict {
    keys: [String; 2],
    id: u64,
    window_ms: i64,
    wrong_at_ms: Option<i64>,
}

impl RedisTally {
    /// A count in this Redis, and the task that gives places back; it ends when the count is dropped.
    pub(crate) fn new(redis: Redis) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (verdicts, mut waiting) = mpsc::channel(ON_THEIR_WAY);
        let scripts = (Script::new(include_str!("lua/enter.lua")), Script::new(include_str!("lua/leave.lua")));
        let tally = Self { redis: redis.clone(), scripts: Arc::new(scripts), verdicts };
        let scripts = Arc::clone(&tally.scripts);
        let upkeep = async move {
            while let Some(verdict) = waiting.recv().await {
                give_back(&redis, &scripts.1, &verdict).await;
            }
        };
        (tally, upkeep)
    }

    async fn ask(&self, place: &Place) -> Option<Standing> {
        let AttemptSettings { limit, window_ms, .. } = place.settings;
        let [wrong, under_way] = self.keys(&place.account);
        let mut script = self.scripts.0.key(wrong);
        script.key(under_way).arg(place.id).arg(place.now_ms).arg(window_ms).arg(limit);
        script.arg(u64::try_from(HELD.as_millis()).unwrap_or(u64::MAX));
        let Ok(Value::Array(answer)) = self.redis.call("enter", &Request::Script(script)).await else { return None };
        match answer.as_slice() {
            [Value::Int(1)] => Some(Standing::Open),
            [Value::Int(0)] => Some(Standing::Wait),
            [Value::Int(2), Value::Int(oldest_ms)] => Some(Standing::Full(*oldest_ms)),
            _ => None,
        }
    }

    /// Accounts are kept as hashes: the same length for all, and no address is read in passing.
    fn keys(&self, account: &str) -> [String; 2] {
        let hash = blake3::hash(account.as_bytes()).to_hex();
        let prefix = self.redis.prefix();
        [format!("{prefix}:{{attempts:{hash}}}:wrong"), format!("{prefix}:{{attempts:{hash}}}:under-way")]
    }
}

async fn give_back(redis: &Redis, script: &Script, verdict: &Verdict) {
    let [wrong, under_way] = &verdict.keys;
    let mut call = script.key(wrong);
    call.key(under_way).arg(verdict.id).arg(verdict.window_ms);
    call.arg(verdict.wrong_at_ms.map_or_else(String::new, |at| at.to_string()));
    // A Redis that is away has lost the count anyway.
    let _ = redis.call("leave", &Request::Script(call)).await;
}

impl Tally for RedisTally {
    fn enter<'a>(&'a self, place: &'a Place) -> cache::BoxFuture<'a, Option<Standing>> {
        Box::pin(self.ask(place))
    }

    fn leave(&self, place: Place, wrong_at_ms: Option<i64>) {
        let keys = self.keys(&place.account);
        let verdict = Verdict { keys, id: place.id, window_ms: place.settings.window_ms, wrong_at_ms };
        if self.verdicts.try_send(verdict).is_err() {
            tracing::warn!("a password's verdict was not counted by Redis: too many are on their way");
        }
    }
}
