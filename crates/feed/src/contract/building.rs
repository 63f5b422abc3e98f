//! Whether the model is complete, and who makes it so.

use std::time::Duration;

use super::{ENTRIES, Feed, LEASE, all, picture};

pub async fn nothing_is_complete_before_it_was_built(feed: Feed) {
    feed.put(&[picture(1, 7)], 100).await.unwrap();
    assert!(!feed.page(None, 1).await.unwrap().complete);
    assert!(!feed.finish("a", None).await.unwrap(), "who has not begun cannot finish");
    assert!(feed.begin("a", LEASE).await.unwrap());
    feed.put(&[picture(2, 7)], 100).await.unwrap();
    assert!(!feed.page(None, 1).await.unwrap().complete);
    assert!(feed.finish("a", None).await.unwrap());
    let page = feed.page(None, 10).await.unwrap();
    assert_eq!((page.complete, page.pictures), (true, vec![picture(2, 7), picture(1, 7)]));
    // Built again it stays complete, and what is there stays.
    assert!(feed.begin("b", LEASE).await.unwrap());
    let page = feed.page(None, 10).await.unwrap();
    assert_eq!((page.complete, page.pictures.len()), (true, 2));
    assert!(feed.finish("b", None).await.unwrap());
    feed.remove(&[picture(1, 7).place, picture(2, 7).place], 100).await.unwrap();
    assert!(feed.page(None, 0).await.unwrap().complete, "an empty feed may be complete");
}

pub async fn one_builds_at_a_time(feed: Feed) {
    assert!(feed.begin("a", LEASE).await.unwrap());
    assert!(!feed.begin("b", LEASE).await.unwrap());
    assert!(!feed.renew("b", LEASE).await.unwrap() && !feed.finish("b", None).await.unwrap());
    assert!(feed.renew("a", LEASE).await.unwrap());
    assert!(feed.finish("a", None).await.unwrap());
    assert!(feed.begin("b", LEASE).await.unwrap(), "the next may");
}

pub async fn a_builder_that_was_overtaken_does_not_finish(feed: Feed) {
    assert!(feed.begin("slow", Duration::from_millis(1)).await.unwrap());
    while !feed.begin("quick", LEASE).await.unwrap() {}
    assert!(!feed.renew("slow", LEASE).await.unwrap());
    assert!(!feed.finish("slow", None).await.unwrap());
    assert!(!feed.page(None, 0).await.unwrap().complete);
    assert!(feed.finish("quick", None).await.unwrap());
}

pub async fn the_floor_is_where_the_builder_cut_or_the_bound_did(feed: Feed) {
    let last = u8::try_from(ENTRIES).unwrap() + 1;
    let pictures: Vec<_> = (1..=last).map(|n| picture(n, 7)).collect();
    feed.put(&pictures, 100).await.unwrap();
    assert_eq!(feed.page(None, 0).await.unwrap().floor, Some(picture(1, 7).place));
    // A build that finds nothing beyond takes the floor away.
    assert!(feed.begin("a", LEASE).await.unwrap() && feed.finish("a", None).await.unwrap());
    assert_eq!(feed.page(None, 0).await.unwrap().floor, None);
    // One that had to cut says where; one that was overtaken by the bound says that.
    let cut = picture(5, 7).place;
    assert!(feed.begin("b", LEASE).await.unwrap() && feed.finish("b", Some(&cut)).await.unwrap());
    assert_eq!(feed.page(None, 0).await.unwrap().floor, Some(cut.clone()));
    assert!(feed.begin("c", LEASE).await.unwrap());
    let newer: Vec<_> = (50..60).map(|n| picture(n, 8)).collect();
    feed.put(&newer, 100).await.unwrap();
    let oldest = all(&feed).await.pop().unwrap().place;
    assert!(oldest > cut);
    assert!(feed.finish("c", Some(&cut)).await.unwrap());
    let floor = feed.page(None, 0).await.unwrap().floor.unwrap();
    assert!(floor > cut && floor < oldest, "{floor}");
}
