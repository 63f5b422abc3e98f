//! One move, step by step, for as long as we hold it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::Bucket;
use model::time::now_ms;
use moves::{Side, Step, Verdict};
use store::Engine;
use store::tables::bucket_owner::{OwnerRow, State};
use store::transfer::Hold;
use tokio::sync::MutexGuard;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Mover;
use super::commit::{Record, name_owner};
use super::copy::RowName;
use super::owners::{self, Batch, Log};
use super::pace::Pace;
use super::partition;
use super::rebucket;
use super::stop::Stop;
use crate::error::Result;
use crate::store::moves::{self as rows, Figures, Move, Work};

/// Fewer entries than this in one look at the log are carried over under the fence.
const FEW: usize = 64;
/// How often a step is put off before the move is undone.
const ATTEMPTS: u32 = 8;
/// The longest time that it is put off for.
const PUT_OFF: i64 = 5_000;
/// How long a move waits before it looks again whether an earlier one is over.
const WAIT: i64 = 200;
/// How often a step of the pause is tried at once.
const TRIES: u32 = 3;

/// What is said of an owner row that no step of this move would have left.
const FOREIGN: &str = "an owner row of these buckets is not as this move left it, and no other router has the move: look at bucket_owner \
    on both sides";

/// A move in hand.
pub(super) struct Drive<'m> {
    pub(super) mover: &'m Mover,
    row: Move,
    /// The step that the catalog has: during the pause it stays behind.
    recorded: Step,
    pub(super) batch: Batch,
    pub(super) source: Arc<dyn Engine>,
    pub(super) target: Arc<dyn Engine>,
    /// Rows that were carried over since the live comparison began; none where there was none in our time.
    pub(super) touched: Option<BTreeSet<RowName>>,
    pub(super) figures: Figures,
    pub(super) pace: Pace,
    /// When the pause began, if it is on.
    fenced: Option<Instant>,
    /// While the pause is on, or about to be.
    turn: Option<MutexGuard<'m, ()>>,
    noted: Instant,
}

/// Does the steps of a move until it ends, needs nobody for a while, or is lost.
pub(super) async fn drive(mover: &Mover, row: Move, ending: &CancellationToken) -> Result<()> {
    let (id, token, first) = (row.id, row.token, row.step);
    let ended = tokio::select! {
        biased;
        ended = begin(mover, row, ending) => ended,
        () = keep_lease(mover, id, token) => Err((first, Stop::Lost)),
    };
    let Err((step, cause)) = ended else { return Ok(()) };
    match cause {
        Stop::Lost if !is_ours(mover, id, token).await? => {
            tracing::info!("move.id" = id, "move.step" = step.as_str(), "another router has this move now");
        }
        // Nobody took it from us, and yet a row is not as we left it: somebody has been at the database. It is told, not hidden.
        Stop::Lost => settle(mover, id, token, step, &Stop::Again(FOREIGN.to_owned())).await?,
        Stop::Waits(other) => {
            let (engine, until) = (mover.catalog.engine(), now_ms() + WAIT);
            rows::put_off(engine, id, token, until, false, format!("waits for move {other}")).await?;
        }
        Stop::Again(_) | Stop::Wrong(_) => settle(mover, id, token, step, &cause).await?,
    }
    Ok(())
}

async fn is_ours(mover: &Mover, id: u64, token: u64) -> Result<bool> {
    Ok(rows::get(mover.catalog.engine(), id).await?.is_some_and(|row| row.token == token))
}

/// Renews the lease for as long as it is ours.
async fn keep_lease(mover: &Mover, id: u64, token: u64) {
    let lease_ms = mover.settings.lease_ms;
    loop {
        sleep(Duration::from_millis(u64::try_from(lease_ms / 3).unwrap_or(1000))).await;
        match rows::renew(mover.catalog.engine(), id, token, now_ms() + lease_ms).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!("move.id" = id, %error, "the lease of a move cannot be renewed"),
        }
    }
}

/// After a failure: back where it must and may be, else off for a while.
async fn settle(mover: &Mover, id: u64, token: u64, step: Step, cause: &Stop) -> Result<()> {
    let engine = mover.catalog.engine();
    let Some(row) = rows::get(engine, id).await?.filter(|row| row.token == token) else { return Ok(()) };
    let pausing = !step.may_pause();
    let hopeless = matches!(cause, Stop::Wrong(_)) || pausing || row.attempts >= ATTEMPTS;
    if row.step.may_go_back() && hopeless {
        tracing::error!("move.id" = id, "move.step" = step.as_str(), error = %cause, "a move is undone");
        return mover.go_back(&row, cause.to_string()).await;
    }
    tracing::warn!("move.id" = id, "move.step" = step.as_str(), error = %cause, "a move is put off");
    let wait = (100_i64 << row.attempts.min(10)).min(PUT_OFF);
    rows::put_off(engine, id, token, now_ms() + wait, true, cause.to_string()).await.map(drop)
}

/// A bucket is in one move at a time, or their rows could not be told apart: the one before is brought to its end first.
async fn wait_for_earlier(mover: &Mover, row: &Move) -> std::result::Result<(), Stop> {
    let ours = rows::buckets_of([row]);
    let open = rows::open_now(mover.catalog.engine()).await?;
    let Some(earlier) = open.iter().find(|other| other.id < row.id && other.one_of(&ours).is_some()) else {
        return Ok(());
    };
    if earlier.step == Step::Grace && earlier.operation == row.operation {
        // It was only the way to this one.
        let id = earlier.id;
        store::transact(mover.catalog.engine(), move |tx| {
            Box::pin(rows::divert(tx, id, Step::Grace, Step::Clean, String::new(), now_ms()))
        })
        .await?;
    }
    Err(Stop::Waits(earlier.id))
}

pub(super) type Ended = std::result::Result<(), (Step, Stop)>;

async fn begin(mover: &Mover, row: Move, ending: &CancellationToken) -> Ended {
    let step = row.step;
    wait_for_earlier(mover, &row).await.map_err(|cause| (step, cause))?;
    if row.work != Work::Buckets {
        // Another router may have planned it, or brought its buckets, a moment ago.
        mover.catalog.catch_up().await.map_err(|error| (step, error.into()))?;
    }
    match row.work {
        Work::Buckets => {}
        Work::Isolate { .. } | Work::Return { .. } => return rebucket::run(mover, row, ending).await,
        Work::Partition { .. } | Work::Unpartition { .. } => return partition::run(mover, row, ending).await,
    }
    let mut drive = Drive::take(mover, row).await.map_err(|cause| (step, cause))?;
    drive.steps(ending).await
}

impl<'m> Drive<'m> {
    /// Opens both sides and puts our token where an earlier holder's is.
    async fn take(mover: &'m Mover, row: Move) -> std::result::Result<Self, Stop> {
        let batch = Batch { buckets: row.buckets.clone(), token: row.token };
        let source = mover.engine(row.source).await?;
        let target = mover.engine(row.target).await;
        let figures = row.figures();
        match row.step {
            // The step's own rules take over what an earlier holder left.
            Step::Import => {}
            // The users first: they do not wait for a target that is away.
            Step::Back => owners::change(&*source, &batch, Side::Source, Step::Back, Log::Forget).await?,
            _ => owners::take(&*source, &batch, Side::Source).await?,
        }
        let target = target?;
        if row.step != Step::Import {
            owners::take(&*target, &batch, Side::Target).await?;
        }
        let (pace, touched) = (Pace::new(mover.settings.nice_ratio), None);
        let recorded = row.step;
        Ok(Self {
            mover,
            row,
            recorded,
            batch,
            source,
            target,
            touched,
            figures,
            pace,
            fenced: None,
            turn: None,
            noted: Instant::now(),
        })
    }

    async fn steps(&mut self, ending: &CancellationToken) -> Ended {
        loop {
            let step = self.row.step;
            if step.may_pause() && step != Step::Back && self.mover.is_to_stop(&self.row, ending).await {
                return self.mover.put_down(&self.row).await.map_err(|cause| (step, cause));
            }
            self.insist(step).await.map_err(|cause| (step, cause))?;
            let Some(next) = step.next() else { return Ok(()) };
            self.row.step = next;
            if next == Step::Grace || next.is_end() {
                return Ok(());
            }
        }
    }

    /// Does a step and records it; during the pause a failure is met with another try at once, for as long as the pause may last.
    async fn insist(&mut self, step: Step) -> std::result::Result<(), Stop> {
        let mut tries = 0;
        loop {
            tries += 1;
            let done = match self.perform(step).await {
                Ok(()) => self.record(step).await,
                Err(cause) => Err(cause),
            };
            match done {
                Err(Stop::Again(cause)) if !step.may_pause() && tries < TRIES && self.may_still_pause() => {
                    tracing::debug!("move.id" = self.row.id, "move.step" = step.as_str(), cause, "again at once");
                    sleep(Duration::from_millis(10)).await;
                }
                other => return other,
            }
        }
    }

    async fn perform(&mut self, step: Step) -> std::result::Result<(), Stop> {
        runtime::faults::halt(step.as_str()).await;
        let (source, target) = (Arc::clone(&self.source), Arc::clone(&self.target));
        match step {
            Step::Import => owners::change(&*target, &self.batch, Side::Target, step, Log::Keep).await?,
            Step::Log => owners::change(&*source, &self.batch, Side::Source, step, Log::Keep).await?,
            Step::Copy if !self.row.on_base => self.copy_all().await?,
            Step::CatchUp => self.catch_up(FEW).await?,
            Step::Verify => self.verify_live().await?,
            Step::Fence => {
                // Little is left for the pause. Not nothing: writers that never rest would keep us here, and all that is carried over
                // from now on has to be compared in the pause.
                if self.turn.is_none() {
                    self.turn = self.mover.turn().await;
                }
                self.catch_up(FEW).await?;
                self.fenced = Some(Instant::now());
                owners::change(&*source, &self.batch, Side::Source, step, Log::Keep).await?;
            }
            Step::Drain => {
                self.fenced.get_or_insert_with(Instant::now);
                self.catch_up(0).await?;
                self.require_time()?;
                self.verify_touched().await?;
                self.require_time()?;
            }
            Step::Activate => {
                owners::change(&*target, &self.batch, Side::Target, step, Log::Keep).await?;
                self.turn = None;
                if let Some(fenced) = self.fenced.take() {
                    self.figures.pause_us = u64::try_from(fenced.elapsed().as_micros()).unwrap_or(u64::MAX);
                    crate::metrics::paused(fenced.elapsed());
                    self.note().await?;
                }
            }
            Step::Clean => self.clean().await?,
            Step::Back => self.back().await?,
            // On the base of old rows there is nothing to copy. The record of the commit is the commit.
            Step::Copy | Step::Commit | Step::Grace | Step::Done | Step::Undone | Step::Reverted => {}
        }
        Ok(())
    }

    /// Between the fence and the commit nothing is recorded: whoever takes over there fences, drains and compares again, and each record
    /// would keep writers waiting for a disk.
    async fn record(&mut self, step: Step) -> std::result::Result<(), Stop> {
        let Some(next) = step.next() else { return Ok(()) };
        match step {
            Step::Fence | Step::Drain => return Ok(()),
            Step::Commit => self.commit().await?,
            _ => {
                self.mover.advance(&self.row, step, next).await?;
            }
        }
        self.recorded = next;
        Ok(())
    }

    /// The one point: from here on the target owns the buckets.
    async fn commit(&mut self) -> std::result::Result<(), Stop> {
        let (id, token, from) = (self.row.id, self.row.token, self.recorded);
        let record: Record =
            Arc::new(move |tx| Box::pin(rows::advance_in(tx, id, token, from, Step::Activate, now_ms())));
        let edit = name_owner(&self.batch.buckets, self.row.target, 1);
        self.mover.commit(id, token, &edit, record).await
    }

    /// The target alone owns the buckets; the source's rows go.
    async fn clean(&mut self) -> std::result::Result<(), Stop> {
        owners::change(&*self.target, &self.batch, Side::Target, Step::Clean, Log::Forget).await?;
        self.empty(Side::Source, Step::Clean).await
    }

    /// The source alone owns the buckets: `take` saw to that. What the target got of them goes.
    async fn back(&mut self) -> std::result::Result<(), Stop> {
        self.empty(Side::Target, Step::Back).await
    }

    /// Deletes the rows of a side that no longer owns the buckets, then marks them as gone. Only where the rules let us mark it: a
    /// bucket that is gone already may be another move's by now.
    async fn empty(&mut self, side: Side, step: Step) -> std::result::Result<(), Stop> {
        let engine = Arc::clone(if side == Side::Source { &self.source } else { &self.target });
        for (bucket, verdict, found) in owners::judged(&*engine, &self.batch, side, step).await? {
            match (verdict, found) {
                (Verdict::Refuse, _) => return Err(Stop::Lost),
                (Verdict::Write(_), Some(OwnerRow { state, mover: Some(token), .. })) => {
                    self.purge(&*engine, Hold { bucket, state, token }).await?;
                }
                (Verdict::Keep | Verdict::Write(_), _) => {}
            }
        }
        owners::change(&*engine, &self.batch, side, step, Log::Forget).await?;
        Ok(())
    }

    /// Leaves the machines to others for a while. Not where writers wait for this move.
    pub(super) async fn rest(&self, rest: Duration) {
        if !rest.is_zero() && self.row.step.may_pause() {
            sleep(rest).await;
        }
    }

    pub(super) fn hold(&self, bucket: Bucket, state: State) -> Hold {
        Hold { bucket, state, token: self.batch.token }
    }

    pub(super) async fn note(&mut self) -> std::result::Result<(), Stop> {
        self.noted = Instant::now();
        rows::note(self.mover.catalog.engine(), self.row.id, self.row.token, self.figures).await?;
        Ok(())
    }

    /// For people who watch: not more often than they look.
    pub(super) async fn note_now_and_then(&mut self) -> std::result::Result<(), Stop> {
        if self.noted.elapsed() < Duration::from_millis(500) {
            return Ok(());
        }
        self.note().await
    }

    fn may_still_pause(&self) -> bool {
        let limit = Duration::from_millis(self.mover.settings.max_pause_ms);
        self.fenced.is_none_or(|fenced| fenced.elapsed() < limit)
    }

    fn require_time(&self) -> std::result::Result<(), Stop> {
        if self.may_still_pause() {
            return Ok(());
        }
        Err(Stop::Wrong(format!("writes would have waited longer than {} ms", self.mover.settings.max_pause_ms)))
    }
}

impl Mover {
    /// Whether a move is to be put down where nobody waits for it: the process stops, or an operator holds it.
    pub(super) async fn is_to_stop(&self, row: &Move, ending: &CancellationToken) -> bool {
        if ending.is_cancelled() {
            return true;
        }
        let row = rows::get(self.catalog.engine(), row.id).await;
        row.is_ok_and(|row| row.is_some_and(|row| row.paused))
    }

    /// Gives the lease back: whoever may goes on with it.
    pub(super) async fn put_down(&self, row: &Move) -> std::result::Result<(), Stop> {
        rows::renew(self.catalog.engine(), row.id, row.token, 0).await?;
        Ok(())
    }
}
