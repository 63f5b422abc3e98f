//! The recent feed that all processes share (R8: it lives in Redis). What stands where: `lua/feed/shared.lua`.
//!
//! Redis may lose it, in whole or, where it evicts, key by key. Each script tells what is left from the whole, so a feed with holes is
//! never shown: it is built again.

use std::{fmt, sync::Arc, time::Duration};

use feed::{BoxFuture, Engine, Error, GONE_MAX, GONE_MS, Names, Page, Picture, Place};
use model::UserId;
use redis::{Script, ScriptInvocation, Value};

use crate::{Redis, requests::Request};

/// Pictures in one call: its scripts run for a millisecond or so.
const BATCH: usize = 64;

/// The feed in Redis. Cheap to clone.
#[derive(Clone)]
pub struct RedisFeed {
    redis: Redis,
    entries: usize,
    keys: Arc<[String; 6]>,
    scripts: Arc<Scripts>,
}

struct Scripts {
    put: Script,
    remove: Script,
    rename: Script,
    page: Script,
    begin: Script,
    renew: Script,
    finish: Script,
}

macro_rules! script {
    ($file:literal) => {
        Script::new(concat!(include_str!("lua/feed/shared.lua"), include_str!($file)))
    };
}

impl RedisFeed {
    /// The feed of at most `entries` pictures in this Redis. Processes of one Myriad have the same number.
    pub fn new(redis: Redis, entries: usize) -> Self {
        let key = |name| format!("{}:{{feed}}:{name}", redis.prefix());
        let keys = ["order", "names", "counts", "gone", "state", "lease"].map(key);
        let scripts = Scripts {
            put: script!("lua/feed/put.lua"),
            remove: script!("lua/feed/remove.lua"),
            rename: script!("lua/feed/rename.lua"),
            page: script!("lua/feed/page.lua"),
            begin: script!("lua/feed/begin.lua"),
            renew: script!("lua/feed/renew.lua"),
            finish: script!("lua/feed/finish.lua"),
        };
        Self { redis, entries, keys: Arc::new(keys), scripts: Arc::new(scripts) }
    }

    fn call<'s>(&self, script: &'s Script) -> ScriptInvocation<'s> {
        let mut call = script.prepare_invoke();
        for key in self.keys.iter() {
            call.key(key);
        }
        call
    }

    async fn ask(&self, command: &'static str, call: ScriptInvocation<'_>) -> Result<Value, Error> {
        self.redis.call(command, &Request::Script(call)).await.map_err(|cache::Error(why)| Error(why))
    }

    /// Asks something that is answered with 1 or 0.
    async fn agree(&self, command: &'static str, call: ScriptInvocation<'_>) -> Result<bool, Error> {
        Ok(self.ask(command, call).await? == Value::Int(1))
    }

    async fn show(&self, pictures: &[Picture], now_ms: i64) -> Result<(), Error> {
        for batch in pictures.chunks(BATCH) {
            let mut call = self.call(&self.scripts.put);
            call.arg(now_ms).arg(GONE_MS).arg(GONE_MAX).arg(self.entries);
            for picture in batch {
                call.arg(picture.place.to_string()).arg(format!("|{}|{}", picture.key, picture.variant));
                call.arg(picture.names.version).arg(said(&picture.names));
            }
            self.ask("feed_put", call).await?;
        }
        Ok(())
    }

    async fn take_away(&self, places: &[Place], now_ms: i64) -> Result<(), Error> {
        for batch in places.chunks(BATCH) {
            let mut call = self.call(&self.scripts.remove);
            call.arg(now_ms).arg(GONE_MS).arg(GONE_MAX);
            for place in batch {
                call.arg(place.to_string());
            }
            self.ask("feed_remove", call).await?;
        }
        Ok(())
    }

    async fn read(&self, before: Option<&Place>, limit: usize) -> Result<Page, Error> {
        let mut call = self.call(&self.scripts.page);
        call.arg(before.map_or_else(|| "+".to_owned(), |before| format!("({before}"))).arg(limit + 1);
        let Value::Array(answer) = self.ask("feed_page", call).await? else { return Err(foreign("a page")) };
        let [complete, floor, rest @ ..] = answer.as_slice() else { return Err(foreign("a page")) };
        let mut pictures = Vec::with_capacity(rest.len() / 2);
        for pair in rest.chunks_exact(2) {
            pictures.push(picture(pair).ok_or_else(|| foreign("a picture"))?);
        }
        let more = pictures.len() > limit;
        pictures.truncate(limit);
        let floor = text(floor).and_then(Place::parse);
        Ok(Page { pictures, more, complete: *complete == Value::Int(1), floor })
    }
}

/// What follows the version in the hash of names.
fn said(names: &Names) -> String {
    format!("\n{}\n{}", names.first, names.last)
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// A picture from its member and its owner's names.
fn picture(pair: &[Value]) -> Option<Picture> {
    let [member, names] = pair else { return None };
    let mut parts = text(member)?.splitn(3, '|');
    let (place, key, variant) = (Place::parse(parts.next()?)?, parts.next()?.to_owned(), parts.next()?.to_owned());
    let mut parts = text(names)?.splitn(3, '\n');
    let version = parts.next()?.parse().ok()?;
    let names = Names { version, first: parts.next()?.to_owned(), last: parts.next()?.to_owned() };
    Some(Picture { place, variant, key, names })
}

fn foreign(what: impl fmt::Display) -> Error {
    Error(format!("{what} in it is not of this release"))
}

impl Engine for RedisFeed {
    fn is_away(&self) -> bool {
        self.redis.is_away()
    }

    fn put<'a>(&'a self, pictures: &'a [Picture], now_ms: i64) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.show(pictures, now_ms))
    }

    fn remove<'a>(&'a self, places: &'a [Place], now_ms: i64) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.take_away(places, now_ms))
    }

    fn rename<'a>(&'a self, user: UserId, names: &'a Names) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut call = self.call(&self.scripts.rename);
            // As in places.
            call.arg(format!("{:014x}", user.get())).arg(names.version).arg(said(names));
            self.ask("feed_rename", call).await.map(|_| ())
        })
    }

    fn page<'a>(&'a self, before: Option<&'a Place>, limit: usize) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(self.read(before, limit))
    }

    fn begin<'a>(&'a self, builder: &'a str, lease: Duration) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let mut call = self.call(&self.scripts.begin);
            call.arg(builder).arg(milliseconds(lease));
            self.agree("feed_begin", call).await
        })
    }

    fn renew<'a>(&'a self, builder: &'a str, lease: Duration) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let mut call = self.call(&self.scripts.renew);
            call.arg(builder).arg(milliseconds(lease));
            self.agree("feed_renew", call).await
        })
    }

    fn finish<'a>(&'a self, builder: &'a str, cut: Option<&'a Place>) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let mut call = self.call(&self.scripts.finish);
            call.arg(builder).arg(cut.map(ToString::to_string).unwrap_or_default());
            self.agree("feed_finish", call).await
        })
    }
}

/// Redis refuses a lease of nothing.
fn milliseconds(lease: Duration) -> u64 {
    u64::try_from(lease.as_millis()).unwrap_or(u64::MAX).max(1)
}
