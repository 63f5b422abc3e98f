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
