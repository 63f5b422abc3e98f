//! Which replica is read from: what the polls have told, and the choice by it. Pure; the time comes from outside.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use store::Progress;

use super::mark::Needed;
use super::settings::Settings;

/// How long an answer to "how far are you" may take. Whoever is slower is not read from.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);

/// What is known of a shard's servers.
pub(super) struct Rotation {
    settings: Settings,
    primary: Option<Primary>,
    replicas: Vec<Standing>,
    next: usize,
}

struct Primary {
    server: u64,
    role_epoch: u64,
    /// When the log was first seen to have come so far; rising in both, one of them as old as the lag that is allowed.
    seen: VecDeque<(Instant, u64)>,
}

/// A replica by its last answer.
#[derive(Clone, Copy)]
enum Standing {
    /// It did not answer, or a read on it failed since.
    Silent,
    Told(Instant, Progress),
}

/// Where to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    /// On this replica, which has replayed the log up to here.
    Replica { index: usize, role_epoch: u64, log: u64 },
    /// A replica may have it in a moment.
    Wait,
    /// On the primary, whose log is known to have been past `log`.
    Primary { known: Option<(u64, u64)> },
}

/// A replica as the metrics tell it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Report {
    pub(super) serving: bool,
    pub(super) lag_bytes: u64,
    pub(super) lag: Duration,
}

impl Rotation {
    pub(super) fn new(settings: Settings, replicas: usize) -> Self {
        Self { settings, primary: None, replicas: vec![Standing::Silent; replicas], next: 0 }
    }

    /// The primary has told where it is. One that says it is a replica is on its way out: what was known of it stays.
    pub(super) fn primary_told(&mut self, now: Instant, told: Progress) {
        if told.is_replica {
            return;
        }
        let same =
            self.primary.take().filter(|known| (known.server, known.role_epoch) == (told.server, told.role_epoch));
        let mut primary =
            same.unwrap_or_else(|| Primary { server: told.server, role_epoch: told.role_epoch, seen: VecDeque::new() });
        if primary.seen.back().is_none_or(|(_, log)| *log < told.log) {
            primary.seen.push_back((now, told.log));
        }
        while primary.seen.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= self.settings.max_lag()) {
            primary.seen.pop_front();
        }
        self.primary = Some(primary);
    }

    /// A replica has told where it is, or nothing.
    pub(super) fn replica_told(&mut self, index: usize, now: Instant, told: Option<Progress>) {
        if let Some(standing) = self.replicas.get_mut(index) {
            *standing = told.map_or(Standing::Silent, |told| Standing::Told(now, told));
        }
    }

    /// Where to read what a caller who has seen so much asks for. Replicas take turns.
    pub(super) fn pick(&mut self, now: Instant, needed: Option<Needed>) -> Pick {
        let known = self.primary.as_ref().and_then(|primary| Some((primary.role_epoch, primary.seen.back()?.1)));
        let on_primary = Pick::Primary { known };
        let Some((role_epoch, _)) = known else { return on_primary };
        if needed.is_some_and(|needed| needed.role_epoch != role_epoch) {
            return on_primary;
        }
        let count = self.replicas.len();
        let mut behind = false;
        for index in (0..count).map(|step| (self.next + step) % count) {
            let Some(log) = self.serves(index, now) else { continue };
            if needed.is_none_or(|needed| needed.log <= log) {
                self.next = (index + 1) % count;
                return Pick::Replica { index, role_epoch, log };
            }
            behind = true;
        }
        if behind { Pick::Wait } else { on_primary }
    }

    /// Up to where a replica has replayed the log, if it is read from.
    fn serves(&self, index: usize, now: Instant) -> Option<u64> {
        let (primary, Standing::Told(at, told)) = (self.primary.as_ref()?, self.replicas.get(index)?) else {
            return None;
        };
        let fresh = now.duration_since(*at) <= self.settings.poll() + PATIENCE;
        let follows = told.is_replica && (told.server, told.role_epoch) == (primary.server, primary.role_epoch);
        (fresh && follows && told.log >= primary.before(now, self.settings.max_lag())).then_some(told.log)
    }

    /// A replica for the metrics.
    pub(super) fn report(&self, index: usize, now: Instant) -> Report {
        let mut report = Report { serving: self.serves(index, now).is_some(), lag_bytes: 0, lag: Duration::ZERO };
        if let (Some(primary), Some(Standing::Told(_, told))) = (&self.primary, self.replicas.get(index)) {
            report.lag_bytes = primary.seen.back().map_or(0, |(_, log)| log.saturating_sub(told.log));
            let missed = primary.seen.iter().find(|(_, log)| *log > told.log);
            report.lag = missed.map_or(Duration::ZERO, |(at, _)| now.duration_since(*at));
        }
        report
    }
}

impl Primary {
    /// How far the log was `ago`; where nothing is known from so long ago, how far it was when it was first seen.
    fn before(&self, now: Instant, ago: Duration) -> u64 {
        let old = self.seen.iter().take_while(|(at, _)| now.duration_since(*at) >= ago).last();
        old.or(self.seen.front()).map_or(u64::MAX, |(_, log)| *log)
    }
}

#[cfg(test)]
mod tests;
