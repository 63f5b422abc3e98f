//! The requests: their keys and what comes back.

use std::time::Duration;

use bytes::Bytes;
use cache::Entry;
use redis::{Cmd, RedisResult, Script, ScriptInvocation, Value};

use crate::wire;

/// One request; sent again as it is where a connection turns out to be dead.
pub(crate) enum Request<'a> {
    Command(Cmd),
    Script(ScriptInvocation<'a>),
}

impl Request<'_> {
    pub(crate) async fn send(&self, connection: &mut redis::aio::MultiplexedConnection) -> RedisResult<Value> {
        match self {
            Self::Command(command) => command.query_async(connection).await,
            Self::Script(script) => script.invoke_async(connection).await,
        }
    }
}

/// Makes requests.
pub(crate) struct Requests {
    prefix: String,
    channel: String,
    set_if_newer: Script,
    lease: Script,
}

impl Requests {
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            channel: format!("{prefix}:invalidations"),
            set_if_newer: Script::new(include_str!("lua/set_if_newer.lua")),
            lease: Script::new(include_str!("lua/lease.lua")),
        }
    }

    /// What every key begins with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Where other processes are told.
    pub(crate) fn channel(&self) -> &str {
        &self.channel
    }

    pub(crate) fn get(&self, key: &str) -> Request<'_> {
        let mut command = redis::cmd("GET");
        command.arg(self.entry(key));
        Request::Command(command)
    }

    pub(crate) fn set_if_newer(&self, key: &str, entry: &Entry, ttl: Duration, now_ms: i64) -> Request<'_> {
        let mut script = self.set_if_newer.key(self.entry(key));
        script
            .key(self.lease_key(key))
            .arg(&wire::encode(entry)[..])
            .arg(milliseconds(ttl))
            .arg(now_ms)
            .arg(&self.channel)
            .arg(&wire::encode_message(key, entry)[..]);
        Request::Script(script)
    }

    pub(crate) fn lease(&self, key: &str, ttl: Duration) -> Request<'_> {
        let mut script = self.lease.key(self.entry(key));
        script.key(self.lease_key(key)).arg(milliseconds(ttl));
        Request::Script(script)
    }

    pub(crate) fn release(&self, key: &str) -> Request<'_> {
        let mut command = redis::cmd("DEL");
        command.arg(self.lease_key(key));
        Request::Command(command)
    }

    pub(crate) fn ping() -> Request<'static> {
        Request::Command(redis::cmd("PING"))
    }

    pub(crate) fn memory() -> Request<'static> {
        let mut command = redis::cmd("INFO");
        command.arg("memory");
        Request::Command(command)
    }

    // The braces keep an entry and its lease on one server of a cluster.
    fn entry(&self, key: &str) -> String {
        format!("{}:{{{key}}}", self.prefix)
    }

    fn lease_key(&self, key: &str) -> String {
        format!("{}:{{{key}}}:lease", self.prefix)
    }
}

/// The entry in an answer; `None` where there is none, or one of another release.
pub(crate) fn entry(answer: Value) -> Option<Entry> {
    match answer {
        Value::BulkString(bytes) => wire::decode(Bytes::from(bytes)),
        _ => None,
    }
}

/// Redis refuses a time to live of nothing.
fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1)
}
