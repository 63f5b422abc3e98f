//! The tasks that ask a shard's servers how far they are: one for each, until the set is dropped or the process stops.

use std::sync::Arc;
use std::time::{Duration, Instant};

use store::{Engine, Identity, Progress};
use tokio::time::{sleep, sleep_until, timeout};

use super::{Inner, reader::Reader, rotation::PATIENCE};
use crate::opener::Opener;
use crate::shard_info::ShardInfo;

/// Between two questions, at least, also where reads wait for an answer.
const LEAST: Duration = Duration::from_millis(2);
/// After a replica has not answered, or is the wrong one.
const PAUSE: Duration = Duration::from_millis(200);

/// Keeps what is known of the primary fresh.
pub(super) async fn primary(set: Arc<Inner>, engine: Arc<dyn Engine>) {
    loop {
        let begun = Instant::now();
        // One that does not answer stays as it was: replicas go on showing what they have.
        if let Ok(Ok(told)) = timeout(PATIENCE, engine.progress()).await {
            set.rotation().primary_told(Instant::now(), told);
            set.advanced();
        }
        sleep_until((begun + set.settings.poll()).into()).await;
    }
}

/// Opens a replica and keeps what is known of it fresh.
pub(super) async fn replica(set: Arc<Inner>, index: usize, info: ShardInfo, identity: Identity, opener: Opener) {
    let Some(member) = set.members.get(index) else { return };
    let engine = loop {
        match opener.open_replica(&info, &member.location).await {
            Ok(engine) => break engine,
            Err(error) => {
                tracing::error!(shard.name = info.name, shard.replica = member.location, %error, "replica not opened");
            }
        }
        sleep(PAUSE * 10).await;
    };
    let reader =
        Reader { index, replica: Arc::clone(&engine), primary: Arc::clone(&set.primary), set: Arc::downgrade(&set) };
    let _ = member.reader.set(Arc::new(reader));
    let mut recognised = false;
    let mut before = (true, false);
    loop {
        let begun = Instant::now();
        let told = ask(&*engine, &identity, &mut recognised).await;
        let now = Instant::now();
        let answered = told.is_ok();
        let report = {
            let mut rotation = set.rotation();
            rotation.replica_told(index, now, told.as_ref().ok().copied());
            rotation.report(index, now)
        };
        set.advanced();
        member.node.report(report);
        if before != (answered, report.serving) {
            before = (answered, report.serving);
            let reason = told.err().map(|error| error.to_string()).unwrap_or_default();
            let lag_ms = u64::try_from(report.lag.as_millis()).unwrap_or(u64::MAX);
            let news = if report.serving { "a replica is read from" } else { "a replica is not read from" };
            tracing::info!(shard.name = info.name, shard.replica = member.location, lag_ms, reason, "{news}");
        }
        if answered {
            sleep(LEAST).await;
            let next = sleep_until((begun + set.settings.poll()).into());
            tokio::select! {
                () = next => {}
                () = member.wanted.notified() => {}
            }
        } else {
            member.forget();
            sleep(PAUSE).await;
        }
    }
}

/// How far a replica is; before it is believed for the first time it must be this shard's database.
async fn ask(engine: &dyn Engine, identity: &Identity, recognised: &mut bool) -> store::Result<Progress> {
    let asked = async {
        let told = engine.progress().await?;
        if !*recognised {
            store::recognise(engine, &store::SHARD, identity).await?;
            *recognised = true;
        }
        Ok(told)
    };
    let silent = |_| store::Error::Unavailable("it did not answer in time".to_owned());
    timeout(PATIENCE, asked).await.map_err(silent)?
}
