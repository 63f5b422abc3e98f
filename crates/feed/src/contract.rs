//! The suite that every engine passes: one law, one function, given a fresh, empty and bounded [`Engine`]. `contract_tests!` makes a
//! test of each, so that no engine can leave one out.

#![expect(missing_docs, reason = "the names of laws are sentences")]
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "laws are tests")]

pub mod building;
pub mod changes;
pub mod order;

use std::{sync::Arc, time::Duration};

use model::{ImageId, UserId};

use crate::{Engine, Names, Picture, Place};

/// The engine that a law is given.
pub type Feed = Arc<dyn Engine>;

/// The bound of the engines that laws are given.
pub const ENTRIES: usize = 20;

const LEASE: Duration = Duration::from_mins(1);

/// Makes a test of every law. `$open` is a function whose future gives a fresh, empty engine of [`ENTRIES`] and a guard that keeps it.
#[macro_export]
macro_rules! contract_tests {
    ($open:path) => {
        $crate::contract_tests!(@laws $open;
            order::the_newest_comes_first_and_each_once,
            order::pages_neither_repeat_nor_miss_while_pictures_come_and_go,
            order::pictures_of_one_moment_are_told_apart,
            order::beyond_the_bound_the_oldest_go_and_the_floor_says_so,
            order::every_text_comes_back_as_it_went_in,
            changes::a_picture_told_twice_is_shown_once,
            changes::a_removed_picture_never_comes_back,
            changes::a_removal_that_comes_before_its_picture_counts,
            changes::a_new_name_is_shown_by_all_pictures,
            changes::an_older_name_never_replaces_a_newer_one,
            changes::names_go_with_the_last_picture,
            building::nothing_is_complete_before_it_was_built,
            building::one_builds_at_a_time,
            building::a_builder_that_was_overtaken_does_not_finish,
            building::the_floor_is_where_the_builder_cut_or_the_bound_did,
        );
    };
    (@laws $open:path; $($module:ident::$law:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $law() {
                let (feed, _guard) = $open().await;
                $crate::contract::$module::$law(feed).await;
            }
        )*
    };
}

/// The `n`th picture of a user, uploaded at the `n`th millisecond.
fn picture(n: u8, user: u64) -> Picture {
    picture_by(n, user, &names(1, "John"))
}

fn picture_by(n: u8, user: u64, names: &Names) -> Picture {
    let image = ImageId::from_bytes([n; 16]);
    Picture {
        key: format!("{image}-{n:032x}.jpg"),
        place: Place::new(n.into(), UserId::new(user).unwrap(), image),
        variant: "default".to_owned(),
        names: names.clone(),
    }
}

fn names(version: u64, first: &str) -> Names {
    Names { version, first: first.to_owned(), last: "Smith".to_owned() }
}

async fn all(feed: &Feed) -> Vec<Picture> {
    feed.page(None, 200).await.unwrap().pictures
}

/// The places of pages of three, and what happens after each.
async fn read_in_threes(feed: &Feed, mut between: impl AsyncFnMut(usize)) -> Vec<Place> {
    let mut read: Vec<Place> = Vec::new();
    loop {
        let page = feed.page(read.last(), 3).await.unwrap();
        read.extend(page.pictures.into_iter().map(|picture| picture.place));
        between(read.len()).await;
        if !page.more {
            return read;
        }
    }
}
