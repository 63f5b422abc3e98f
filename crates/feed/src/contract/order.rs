//! Newest first, each once, within bounds.

use model::{ImageId, UserId};

use super::{ENTRIES, Feed, all, names, picture, picture_by, read_in_threes};
use crate::{Names, Picture, Place};

pub async fn the_newest_comes_first_and_each_once(feed: Feed) {
    assert_eq!(all(&feed).await, []);
    for n in [3, 1, 5, 2, 4] {
        feed.put(&[picture(n, u64::from(n % 2) + 1)], 100).await.unwrap();
    }
    let expected: Vec<_> = [5, 4, 3, 2, 1].map(|n| picture(n, u64::from(n % 2) + 1)).into();
    assert_eq!(all(&feed).await, expected);
    let page = feed.page(None, 2).await.unwrap();
    assert_eq!((page.pictures, page.more), (expected[..2].to_vec(), true));
    let page = feed.page(Some(&expected[2].place), 2).await.unwrap();
    assert_eq!((page.pictures, page.more), (expected[3..].to_vec(), false), "exactly to the end there is no more");
    assert_eq!(feed.page(Some(&expected[4].place), 2).await.unwrap().pictures, []);
    assert_eq!(feed.page(None, 0).await.unwrap().pictures, []);
}

pub async fn pages_neither_repeat_nor_miss_while_pictures_come_and_go(feed: Feed) {
    for n in (20..38).step_by(2) {
        feed.put(&[picture(n, 7)], 100).await.unwrap();
    }
    // A cursor at a picture that is removed, newer ones, and ones that were finished late: none is seen twice, none of the old missed.
    let read = read_in_threes(&feed, async |read| match read {
        3 => {
            feed.remove(&[picture(32, 7).place], 100).await.unwrap();
            feed.put(&[picture(50, 7), picture(51, 8)], 100).await.unwrap();
        }
        6 => feed.put(&[picture(23, 8), picture(33, 8)], 100).await.unwrap(),
        _ => {}
    })
    .await;
    assert!(read.is_sorted_by(|a, b| a > b), "{read:?}");
    let times: Vec<_> = read.iter().map(Place::created_at_ms).collect();
    assert_eq!(times, [36, 34, 32, 30, 28, 26, 24, 23, 22, 20]);
}

pub async fn pictures_of_one_moment_are_told_apart(feed: Feed) {
    for n in 1..=10_u8 {
        let user = UserId::new(u64::from(n % 3) + 1).unwrap();
        let place = Place::new(7, user, ImageId::from_bytes([n; 16]));
        feed.put(&[Picture { place, ..picture(n, 1) }], 100).await.unwrap();
    }
    let read = read_in_threes(&feed, async |_| {}).await;
    assert!(read.len() == 10 && read.is_sorted_by(|a, b| a > b), "{read:?}");
}

pub async fn beyond_the_bound_the_oldest_go_and_the_floor_says_so(feed: Feed) {
    let last = u8::try_from(ENTRIES).unwrap() + 5;
    let pictures: Vec<_> = (1..=last).map(|n| picture(n, u64::from(n))).collect();
    feed.put(&pictures[..ENTRIES], 100).await.unwrap();
    assert_eq!(feed.page(None, 1).await.unwrap().floor, None);
    feed.put(&pictures[ENTRIES..], 100).await.unwrap();
    let page = feed.page(None, 200).await.unwrap();
    assert_eq!((page.pictures.len(), page.floor), (ENTRIES, Some(picture(5, 5).place)));
    assert_eq!(page.pictures.last(), Some(&picture(6, 6)));
    // Nothing older comes in while it is full.
    feed.put(&[picture(3, 3)], 100).await.unwrap();
    let page = feed.page(None, 200).await.unwrap();
    assert_eq!((page.pictures.len(), page.floor), (ENTRIES, Some(picture(5, 5).place)));
}

pub async fn every_text_comes_back_as_it_went_in(feed: Feed) {
    for (n, first, last) in [(1, "Ægir-Łukasz", "O’Neill | \"the\" 1"), (2, "1", "👩‍👩‍👧"), (3, "{feed}", "\\n %s \u{ff}")]
    {
        let names = Names { first: first.to_owned(), last: last.to_owned(), ..names(u64::from(n) << 40, "") };
        let picture = picture_by(n, n.into(), &names);
        feed.put(std::slice::from_ref(&picture), 100).await.unwrap();
        assert_eq!(all(&feed).await[0], picture);
    }
}
