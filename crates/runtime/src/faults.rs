//! Failpoints for crash drills. They exist in debug builds only; a release build compiles every call to nothing.

/// Kills the process when `MYRIAD_FAILPOINT` names this point.
#[cfg(debug_assertions)]
#[expect(clippy::disallowed_methods, reason = "a drill's switch, deliberately not a setting of the product")]
pub fn hit(point: &str) {
    if std::env::var("MYRIAD_FAILPOINT").is_ok_and(|wanted| wanted == point) {
        tracing::error!(point, "failpoint reached: the process dies here");
        std::process::abort();
    }
}

/// Does nothing in a release build.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn hit(_point: &str) {}

/// Where `MYRIAD_HALT` is `point:/path`: makes that file and goes on once it is gone, the first time this point is reached. Meanwhile a drill
/// does to this process, or to those it talks to, what it likes.
#[cfg(debug_assertions)]
#[expect(clippy::disallowed_methods, reason = "a drill's switch, deliberately not a setting of the product")]
pub async fn halt(point: &str) {
    static HALTED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    let Ok(wanted) = std::env::var("MYRIAD_HALT") else { return };
    let Some((_, path)) = wanted.split_once(':').filter(|(wanted, _)| *wanted == point) else { return };
    if HALTED.swap(true, std::sync::atomic::Ordering::Relaxed) {
        return;
    }
    tracing::error!(point, "the process halts here until a file is gone");
    let made = std::fs::File::create(path);
    while made.is_ok() && std::path::Path::new(path).exists() {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

/// Does nothing in a release build.
#[cfg(not(debug_assertions))]
#[expect(clippy::unused_async, reason = "a drill waits here")]
pub async fn halt(_point: &str) {}

/// Whether a drill asked for a sabotage by name (`MYRIAD_SABOTAGE`), which its checker must find. Debug builds only.
#[cfg(debug_assertions)]
#[expect(clippy::disallowed_methods, reason = "a drill's switch, deliberately not a setting of the product")]
pub fn sabotaged(name: &str) -> bool {
    std::env::var("MYRIAD_SABOTAGE").is_ok_and(|wanted| wanted == name)
}

/// Never in a release build.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn sabotaged(_name: &str) -> bool {
    false
}
