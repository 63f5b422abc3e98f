use super::*;

/// A clock that stands still until it is told.
struct Stage {
    rotation: Rotation,
    now: Instant,
}

const SERVER: u64 = 77;

fn told(is_replica: bool, log: u64) -> Progress {
    Progress { server: SERVER, is_replica, role_epoch: 1, log }
}

impl Stage {
    /// A primary at 100 and replicas that have replayed all of it.
    fn new(replicas: usize) -> Self {
        let mut stage = Self { rotation: Rotation::new(Settings::default(), replicas), now: Instant::now() };
        stage.primary(100);
        (0..replicas).for_each(|index| stage.replica(index, 100));
        stage
    }

    fn after(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    fn primary(&mut self, log: u64) {
        self.rotation.primary_told(self.now, told(false, log));
    }

    fn replica(&mut self, index: usize, log: u64) {
        self.rotation.replica_told(index, self.now, Some(told(true, log)));
    }

    /// For a caller who has seen the log up to here, in the present reign.
    fn pick(&mut self, seen: Option<u64>) -> Pick {
        self.rotation.pick(self.now, seen.map(|log| Needed { role_epoch: 1, log }))
    }

    fn picked(&mut self, seen: Option<u64>) -> Option<usize> {
        match self.pick(seen) {
            Pick::Replica { index, .. } => Some(index),
            Pick::Wait | Pick::Primary { .. } => None,
        }
    }
}

#[test]
fn replicas_take_turns() {
    let mut stage = Stage::new(3);
    let picks: Vec<_> = (0..7).map(|_| stage.picked(None).unwrap()).collect();
    assert_eq!(picks, [0, 1, 2, 0, 1, 2, 0]);
}

#[test]
fn who_has_written_is_read_to_by_those_that_have_it() {
    let mut stage = Stage::new(2);
    stage.primary(200);
    stage.replica(1, 200);
    assert_eq!((0..4).map(|_| stage.picked(Some(150))).collect::<Vec<_>>(), [Some(1); 4]);
    assert_eq!(stage.pick(Some(201)), Pick::Wait);
    assert_eq!(
        stage.rotation.pick(stage.now, Some(Needed { role_epoch: 2, log: 1 })),
        Pick::Primary { known: Some((1, 200)) }
    );
    // Who has seen nothing reads on either, for neither is late.
    assert_eq!([stage.picked(None), stage.picked(None)], [Some(0), Some(1)]);
}

#[test]
fn a_replica_that_lags_leaves_and_returns_by_itself() {
    let mut stage = Stage::new(1);
    stage.primary(200);
    for _ in 0..20 {
        stage.replica(0, 100);
        assert_eq!(stage.picked(None), Some(0));
        stage.after(50);
        stage.primary(200);
    }
    stage.replica(0, 100);
    assert_eq!(stage.pick(None), Pick::Primary { known: Some((1, 200)) });
    // Nobody waits for one that is out.
    assert_eq!(stage.pick(Some(200)), Pick::Primary { known: Some((1, 200)) });
    let report = stage.rotation.report(0, stage.now);
    assert_eq!(report, Report { serving: false, lag_bytes: 100, lag: Duration::from_secs(1) });
    stage.replica(0, 200);
    assert_eq!(stage.picked(Some(200)), Some(0));
}

#[test]
fn an_idle_primary_makes_nobody_late() {
    let mut stage = Stage::new(1);
    for _ in 0..1_000 {
        stage.after(100);
        stage.primary(100);
        stage.replica(0, 100);
        assert_eq!(stage.picked(None), Some(0));
    }
    assert!(stage.rotation.primary.as_ref().unwrap().seen.len() < 3);
}

#[test]
fn a_replica_that_has_far_to_go_is_not_used_from_the_start() {
    let mut stage = Stage { rotation: Rotation::new(Settings::default(), 1), now: Instant::now() };
    stage.replica(0, 5);
    assert_eq!(stage.pick(None), Pick::Primary { known: None });
    stage.primary(100);
    assert_eq!(stage.pick(None), Pick::Primary { known: Some((1, 100)) });
    stage.replica(0, 100);
    assert_eq!(stage.picked(None), Some(0));
}

#[test]
fn a_silent_one_leaves_and_one_that_is_not_asked_any_more_too() {
    let mut stage = Stage::new(2);
    stage.rotation.replica_told(0, stage.now, None);
    assert_eq!([stage.picked(None), stage.picked(None)], [Some(1), Some(1)]);
    stage.after(560);
    assert_eq!(stage.picked(None), None);
    stage.replica(0, 100);
    assert_eq!(stage.picked(None), Some(0));
}

#[test]
fn the_wrong_server_is_not_read_from() {
    for wrong in [
        Progress { is_replica: false, ..told(true, 100) },
        Progress { server: SERVER + 1, ..told(true, 100) },
        Progress { role_epoch: 2, ..told(true, 100) },
        Progress { role_epoch: 0, ..told(true, 100) },
    ] {
        let mut stage = Stage::new(1);
        stage.rotation.replica_told(0, stage.now, Some(wrong));
        assert_eq!(stage.picked(None), None, "{wrong:?}");
    }
}

#[test]
fn a_promotion_begins_anew() {
    let mut stage = Stage::new(1);
    stage.rotation.primary_told(stage.now, Progress { role_epoch: 2, ..told(false, 50) });
    assert_eq!(stage.pick(None), Pick::Primary { known: Some((2, 50)) });
    stage.rotation.replica_told(0, stage.now, Some(Progress { role_epoch: 2, ..told(true, 50) }));
    assert_eq!(stage.picked(None), Some(0));
    // A former primary that says so itself changes nothing.
    stage.rotation.primary_told(stage.now, told(true, 500));
    assert_eq!(stage.picked(None), Some(0));
}
