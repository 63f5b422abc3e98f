//! The suite that every engine passes, alone and under the near tier: one law, one function, given a fresh and empty [`Cache`].
//! `contract_tests!` makes a test of each, so that no engine can leave one out.

#![expect(missing_docs, reason = "the names of laws are sentences")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "laws are tests")]

pub mod flights;
pub mod interleavings;
pub mod versions;

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::{Cache, Class, Policy, policy};

/// Makes a test of every law. `$open` is a function whose future gives a fresh, empty cache and a guard that keeps it.
#[macro_export]
macro_rules! contract_tests {
    ($open:path) => {
        $crate::contract_tests!(@laws $open;
            versions::what_was_set_is_got_until_it_runs_out,
            versions::every_value_comes_back_as_it_went_in,
            versions::classes_do_not_meet,
            versions::an_older_value_never_replaces_a_newer_one,
            versions::an_invalidation_takes_the_old_value_and_waits_for_the_new_one,
            versions::a_deletion_is_a_version_and_answers_without_loading,
            versions::the_greatest_versions_keep_their_order,
            versions::within_a_version_stale_comes_before_value_before_gone,
            interleavings::under_any_interleaving_the_newest_wins,
            flights::a_thousand_concurrent_misses_are_one_load,
            flights::an_error_is_everybodys_and_is_not_kept,
            flights::what_does_not_exist_is_not_kept,
            flights::when_the_loader_leaves_a_waiter_takes_over,
            flights::a_load_begun_before_a_deletion_is_neither_kept_nor_joined_after_it,
        );
    };
    (@laws $open:path; $($module:ident::$law:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $law() {
                let (cache, _guard) = $open().await;
                $crate::contract::$module::$law(cache).await;
            }
        )*
    };
}

/// A class that keeps what it is given for the length of a test.
fn class(cache: &Cache) -> Class<Bytes> {
    cache.class(Policy { ..policy::USER })
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "it never came to be");
        tokio::task::yield_now().await;
    }
}

async fn give_way(times: u64) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}
