//! The engine in this process.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque, hash_map::Entry},
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use model::UserId;

use crate::{BoxFuture, Engine, Error, GONE_MAX, GONE_MS, Names, Page, Picture, Place};

/// The feed in this process: a start begins with nothing.
pub struct InProcess {
    entries: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    shown: BTreeMap<Place, Shown>,
    owners: HashMap<UserId, Owner>,
    gone: Gone,
    complete: bool,
    floor: Option<Place>,
    build: Option<Build>,
}

struct Shown {
    variant: String,
    key: String,
}

/// A user with pictures in the feed.
struct Owner {
    names: Names,
    pictures: usize,
}

/// A build that is under way.
struct Build {
    builder: String,
    until: Instant,
    /// The newest picture that went beyond the bound since it began.
    trimmed: Option<Place>,
}

/// Removed pictures, in the order of their removal.
#[derive(Default)]
struct Gone {
    places: HashSet<Place>,
    order: VecDeque<(i64, Place)>,
}

impl InProcess {
    /// An empty feed of at most `entries` pictures.
    pub fn new(entries: usize) -> Self {
        Self { entries, inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn put(&mut self, picture: &Picture) {
        if self.gone.places.contains(&picture.place) {
            return;
        }
        let user = picture.place.user();
        let shown = Shown { variant: picture.variant.clone(), key: picture.key.clone() };
        let is_new = self.shown.insert(picture.place.clone(), shown).is_none();
        match self.owners.entry(user) {
            Entry::Vacant(vacant) => {
                vacant.insert(Owner { names: picture.names.clone(), pictures: 1 });
            }
            Entry::Occupied(mut owner) => {
                owner.get_mut().pictures += usize::from(is_new);
                owner.get_mut().call(&picture.names);
            }
        }
    }

    fn drop_one_of(&mut self, user: UserId) {
        let Entry::Occupied(mut owner) = self.owners.entry(user) else { return };
        owner.get_mut().pictures -= 1;
        if owner.get().pictures == 0 {
            owner.remove();
        }
    }

    fn trim(&mut self, entries: usize) {
        while self.shown.len() > entries {
            let Some((place, _)) = self.shown.pop_first() else { return };
            self.drop_one_of(place.user());
            if let Some(build) = &mut self.build {
                build.trimmed = build.trimmed.take().max(Some(place.clone()));
            }
            self.floor = self.floor.take().max(Some(place));
        }
    }

    /// The build of this builder.
    fn build_of(&mut self, builder: &str) -> Option<&mut Build> {
        self.build.as_mut().filter(|build| build.builder == builder)
    }
}

impl Owner {
    fn call(&mut self, names: &Names) {
        if self.names.version <= names.version {
            self.names = names.clone();
        }
    }
}

impl Gone {
    fn add(&mut self, place: &Place, now_ms: i64) {
        if self.places.insert(place.clone()) {
            self.order.push_back((now_ms, place.clone()));
        }
    }

    fn forget(&mut self, now_ms: i64) {
        while let Some((at_ms, _)) = self.order.front()
            && (*at_ms < now_ms - GONE_MS || self.order.len() > GONE_MAX)
        {
            if let Some((_, place)) = self.order.pop_front() {
                self.places.remove(&place);
            }
        }
    }
}

fn ready<'a, T: Send + 'a>(answer: T) -> BoxFuture<'a, Result<T, Error>> {
    Box::pin(std::future::ready(Ok(answer)))
}

impl Engine for InProcess {
    fn put<'a>(&'a self, pictures: &'a [Picture], now_ms: i64) -> BoxFuture<'a, Result<(), Error>> {
        let mut inner = self.lock();
        inner.gone.forget(now_ms);
        for picture in pictures {
            inner.put(picture);
        }
        inner.trim(self.entries);
        ready(())
    }

    fn remove<'a>(&'a self, places: &'a [Place], now_ms: i64) -> BoxFuture<'a, Result<(), Error>> {
        let mut inner = self.lock();
        for place in places {
            inner.gone.add(place, now_ms);
            if inner.shown.remove(place).is_some() {
                inner.drop_one_of(place.user());
            }
        }
        inner.gone.forget(now_ms);
        ready(())
    }

    fn rename<'a>(&'a self, user: UserId, names: &'a Names) -> BoxFuture<'a, Result<(), Error>> {
        if let Some(owner) = self.lock().owners.get_mut(&user) {
            owner.call(names);
        }
        ready(())
    }

    fn page<'a>(&'a self, before: Option<&'a Place>, limit: usize) -> BoxFuture<'a, Result<Page, Error>> {
        let inner = self.lock();
        let upper = before.map_or(Bound::Unbounded, Bound::Excluded);
        let mut older = inner.shown.range::<Place, _>((Bound::Unbounded, upper)).rev();
        let mut pictures = Vec::with_capacity(limit.min(inner.shown.len()));
        for (place, shown) in older.by_ref().take(limit) {
            // A picture that is shown has an owner.
            if let Some(owner) = inner.owners.get(&place.user()) {
                pictures.push(Picture {
                    place: place.clone(),
                    variant: shown.variant.clone(),
                    key: shown.key.clone(),
                    names: owner.names.clone(),
                });
            }
        }
        let more = older.next().is_some();
        ready(Page { pictures, more, complete: inner.complete, floor: inner.floor.clone() })
    }

    fn begin<'a>(&'a self, builder: &'a str, lease: Duration) -> BoxFuture<'a, Result<bool, Error>> {
        let (mut inner, now) = (self.lock(), Instant::now());
        if inner.build.as_ref().is_some_and(|build| build.until > now) {
            return ready(false);
        }
        inner.build = Some(Build { builder: builder.to_owned(), until: now + lease, trimmed: None });
        ready(true)
    }

    fn renew<'a>(&'a self, builder: &'a str, lease: Duration) -> BoxFuture<'a, Result<bool, Error>> {
        let mut inner = self.lock();
        let held = inner.build_of(builder).map(|build| build.until = Instant::now() + lease);
        ready(held.is_some())
    }

    fn finish<'a>(&'a self, builder: &'a str, cut: Option<&'a Place>) -> BoxFuture<'a, Result<bool, Error>> {
        let mut inner = self.lock();
        let Some(trimmed) = inner.build_of(builder).map(|build| build.trimmed.take()) else { return ready(false) };
        inner.floor = trimmed.max(cut.cloned());
        inner.complete = true;
        inner.build = None;
        ready(true)
    }
}

#[cfg(test)]
mod tests {
    use model::ImageId;

    use super::*;

    #[tokio::test]
    async fn removed_pictures_are_remembered_for_their_time_and_not_without_end() {
        let feed = InProcess::new(10);
        let place = |n: usize| Place::new(1, UserId::new(12).unwrap(), ImageId::from_bytes((n as u128).to_be_bytes()));
        feed.remove(&[place(0)], 0).await.unwrap();
        feed.remove(&[place(1)], GONE_MS).await.unwrap();
        assert!(feed.lock().gone.places.contains(&place(0)));
        feed.remove(&[], GONE_MS + 1).await.unwrap();
        assert!(!feed.lock().gone.places.contains(&place(0)));
        let many: Vec<_> = (2..GONE_MAX + 10).map(place).collect();
        feed.remove(&many, GONE_MS + 1).await.unwrap();
        let inner = feed.lock();
        assert_eq!((inner.gone.places.len(), inner.gone.order.len()), (GONE_MAX, GONE_MAX));
    }
}
