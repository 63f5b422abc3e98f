//! Told twice, late and in any order, the model comes out the same.

use super::{Feed, all, names, picture, picture_by};
use crate::GONE_MS;

pub async fn a_picture_told_twice_is_shown_once(feed: Feed) {
    for _ in 0..3 {
        feed.put(&[picture(1, 7), picture(2, 7), picture(1, 7)], 100).await.unwrap();
    }
    assert_eq!(all(&feed).await, [picture(2, 7), picture(1, 7)]);
    // And counted once: one removal is enough for each.
    feed.remove(&[picture(1, 7).place, picture(1, 7).place], 100).await.unwrap();
    feed.rename(picture(2, 7).place.user(), &names(2, "Jim")).await.unwrap();
    assert_eq!(all(&feed).await, [picture_by(2, 7, &names(2, "Jim"))], "the names stay as long as a picture does");
}

pub async fn a_removed_picture_never_comes_back(feed: Feed) {
    let (gone, stays) = (picture(1, 7), picture(2, 7));
    feed.put(&[gone.clone(), stays.clone()], 100).await.unwrap();
    for _ in 0..2 {
        feed.remove(std::slice::from_ref(&gone.place), 100).await.unwrap();
        // Read by somebody before the removal, and told after it.
        feed.put(&[gone.clone(), stays.clone()], GONE_MS).await.unwrap();
        assert_eq!(all(&feed).await, std::slice::from_ref(&stays));
    }
}

pub async fn a_removal_that_comes_before_its_picture_counts(feed: Feed) {
    feed.remove(&[picture(1, 7).place], 100).await.unwrap();
    feed.put(&[picture(1, 7)], 101).await.unwrap();
    assert_eq!(all(&feed).await, []);
}

pub async fn a_new_name_is_shown_by_all_pictures(feed: Feed) {
    let user = picture(1, 7).place.user();
    feed.put(&[picture(1, 7), picture(2, 8), picture(3, 7)], 100).await.unwrap();
    feed.rename(user, &names(2, "Jim")).await.unwrap();
    let jim = names(2, "Jim");
    assert_eq!(all(&feed).await, [picture_by(3, 7, &jim), picture(2, 8), picture_by(1, 7, &jim)]);
    // It may come with a picture too.
    let joe = names(3, "Joe");
    feed.put(&[picture_by(4, 7, &joe)], 100).await.unwrap();
    assert_eq!(all(&feed).await[1], picture_by(3, 7, &joe));
    feed.rename(picture(1, 9).place.user(), &names(9, "Nobody")).await.unwrap();
    assert_eq!(all(&feed).await.len(), 4, "somebody without pictures is not shown");
}

pub async fn an_older_name_never_replaces_a_newer_one(feed: Feed) {
    let (user, jim) = (picture(1, 7).place.user(), names(10, "Jim"));
    feed.put(&[picture_by(1, 7, &jim)], 100).await.unwrap();
    feed.rename(user, &names(9, "John")).await.unwrap();
    feed.put(&[picture_by(2, 7, &names(2, "Jack"))], 100).await.unwrap();
    assert_eq!(all(&feed).await, [picture_by(2, 7, &jim), picture_by(1, 7, &jim)]);
    // The same version again may mend what was kept wrongly.
    feed.rename(user, &names(10, "Jimmy")).await.unwrap();
    assert_eq!(all(&feed).await[0].names.first, "Jimmy");
}

pub async fn names_go_with_the_last_picture(feed: Feed) {
    feed.put(&[picture_by(1, 7, &names(10, "Jim")), picture_by(2, 7, &names(10, "Jim"))], 100).await.unwrap();
    feed.remove(&[picture(1, 7).place], 100).await.unwrap();
    assert_eq!(all(&feed).await[0].names.first, "Jim");
    feed.remove(&[picture(2, 7).place], 100).await.unwrap();
    // Nothing is known of the user any more, not even a version.
    feed.put(&[picture_by(3, 7, &names(2, "Jack"))], 100).await.unwrap();
    assert_eq!(all(&feed).await, [picture_by(3, 7, &names(2, "Jack"))]);
}
