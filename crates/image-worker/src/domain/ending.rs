//! How the transforming process ended, and what that says about the picture.

use super::failure::Failure;

const SIGINT: i32 = 2;
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
const SIGXCPU: i32 = 24;
const SIGXFSZ: i32 = 25;

/// What the allocator says on stderr before it aborts; std's own words.
const NO_MEMORY: &str = "memory allocation of ";

/// Why a process that made no report failed. `code` and `signal` as the system gives them, `stderr` its last words.
pub fn failure(code: Option<i32>, signal: Option<i32>, stderr: &str) -> Failure {
    match (code, signal) {
        // The hard processor limit kills with SIGKILL, but only a process that outlived SIGXCPU.
        (_, Some(SIGXCPU)) => Failure::too_costly(),
        (_, Some(SIGKILL | SIGTERM | SIGINT)) => Failure::killed(),
        (_, Some(SIGABRT)) if stderr.contains(NO_MEMORY) => Failure::out_of_memory(),
        (_, Some(SIGXFSZ)) => Failure::out_of_memory(),
        (Some(crate::transform::EXIT_OURS), None) => Failure::ours(),
        _ => Failure::crashed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_was_killed_is_tried_again_and_one_that_crashed_is_not() {
        assert!(!failure(None, Some(SIGKILL), "").is_final);
        assert_eq!(failure(None, Some(SIGKILL), "").code, "WORKER_LOST");
        assert_eq!(failure(None, Some(11), "").code, "CRASHED");
        assert_eq!(failure(Some(101), None, "thread panicked").code, "CRASHED");
        assert_eq!(failure(None, Some(SIGABRT), "memory allocation of 800 bytes failed").code, "OUT_OF_MEMORY");
        assert_eq!(failure(None, Some(SIGABRT), "double free").code, "CRASHED");
        assert_eq!(failure(None, Some(SIGXCPU), "").code, "TIMED_OUT");
        assert!(failure(None, Some(SIGXCPU), "").is_final);
    }
}
