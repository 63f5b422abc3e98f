//! The recent feed in Redis: the suite of all engines, and what only happens to one that others share and that forgets.

use std::sync::Arc;
use std::time::Duration;

use cache_redis::{Redis, RedisFeed};
use feed::contract::{ENTRIES, Feed};
use feed::{Engine as _, InProcess, Names, Page, Picture, Place};
use model::{ImageId, UserId};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::{Server, server};

const LEASE: Duration = Duration::from_mins(1);

async fn open() -> (Feed, Server) {
    let server = server().await;
    (Arc::new(RedisFeed::new(Redis::new(&server.patient()).unwrap(), ENTRIES)), server)
}

feed::contract_tests!(open);

fn picture(n: u8, user: u64, version: u64) -> Picture {
    let image = ImageId::from_bytes([n; 16]);
    Picture {
        key: format!("{image}-{n:032x}.jpg"),
        place: Place::new(n.into(), UserId::new(user).unwrap(), image),
        variant: "default".to_owned(),
        names: Names { version, first: format!("John {version}"), last: "Smith".to_owned() },
    }
}

/// A complete feed of nine pictures of three users.
async fn built(feed: &Feed) {
    assert!(feed.begin("first", LEASE).await.unwrap());
    let pictures: Vec<_> = (1..10).map(|n| picture(n, u64::from(n % 3) + 1, 1)).collect();
    feed.put(&pictures, 100).await.unwrap();
    assert!(feed.finish("first", None).await.unwrap());
    assert_complete(&feed.page(None, 20).await.unwrap());
}

fn assert_complete(page: &Page) {
    assert!(page.complete && page.pictures.len() == 9, "{page:?}");
}

// R8 R72
#[tokio::test]
async fn whatever_redis_loses_the_feed_is_not_shown_with_holes_and_is_built_again() {
    let (feed, server) = open().await;
    let key = |name: &str| format!("myriad:{{feed}}:{name}");
    for (number, loss) in [
        "FLUSHALL".to_owned(),
        format!("DEL {}", key("order")),
        format!("DEL {}", key("names")),
        format!("DEL {}", key("counts")),
        format!("DEL {}", key("state")),
        format!("ZPOPMIN {}", key("order")),
        format!("HDEL {} 00000000000002", key("names")),
    ]
    .into_iter()
    .enumerate()
    {
        if number == 0 {
            built(&feed).await;
        }
        server.redis.command(&loss).await.unwrap();
        assert!(!feed.page(None, 20).await.unwrap().complete, "{loss}");
        // What happens meanwhile must not make it look whole.
        feed.put(&[picture(9, 1, 1)], 100).await.unwrap();
        feed.rename(UserId::new(1).unwrap(), &picture(9, 1, 2).names).await.unwrap();
        assert!(!feed.page(None, 20).await.unwrap().complete, "{loss}");
        feed.remove(&[picture(200, 1, 1).place], 100).await.unwrap();
        let builder = format!("builder {number}");
        assert!(feed.begin(&builder, LEASE).await.unwrap(), "{loss}");
        let pictures: Vec<_> = (1..10).map(|n| picture(n, u64::from(n % 3) + 1, 1)).collect();
        feed.put(&pictures, 100).await.unwrap();
        feed.remove(&[picture(9, 1, 1).place], 0).await.unwrap();
        feed.put(&[picture(10, 2, 1)], 100).await.unwrap();
        assert!(feed.finish(&builder, None).await.unwrap(), "{loss}");
        assert_complete(&feed.page(None, 20).await.unwrap());
        server.redis.command(&format!("DEL {}", key("gone"))).await.unwrap();
    }
}

#[tokio::test]
async fn a_feed_that_vanishes_while_it_is_built_is_not_taken_for_complete() {
    let (feed, server) = open().await;
    for (number, loss) in ["FLUSHALL", "DEL myriad:{feed}:order", "DEL myriad:{feed}:state"].into_iter().enumerate() {
        let builder = format!("builder {number}");
        assert!(feed.begin(&builder, LEASE).await.unwrap());
        feed.put(&[picture(1, 1, 1), picture(2, 2, 1)], 100).await.unwrap();
        assert!(feed.renew(&builder, LEASE).await.unwrap());
        server.redis.command(loss).await.unwrap();
        feed.put(&[picture(3, 1, 1)], 100).await.unwrap();
        assert!(!feed.renew(&builder, LEASE).await.unwrap(), "{loss}");
        assert!(!feed.finish(&builder, None).await.unwrap(), "{loss}");
        assert!(!feed.page(None, 0).await.unwrap().complete, "{loss}");
        server.redis.command("DEL myriad:{feed}:lease").await.unwrap();
    }
}

#[tokio::test]
async fn a_redis_that_is_away_is_an_error_and_never_an_empty_page() {
    let (feed, mut server) = open().await;
    built(&feed).await;
    server.redis.kill().await.unwrap();
    assert!(feed.page(None, 20).await.is_err());
    assert!(feed.put(&[picture(1, 1, 1)], 100).await.is_err());
    server.redis.restart().await.unwrap();
    crate::until("it answers again", || async { feed.page(None, 20).await.is_ok_and(|page| !page.complete) }).await;
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8, u64),
    Remove(u8),
    Rename(u64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..40_u8, 1..6_u64).prop_map(|(n, version)| Step::Put(n, version)),
        1 => (0..40_u8).prop_map(Step::Remove),
        1 => (0..4_u64, 1..6_u64).prop_map(|(user, version)| Step::Rename(user + 1, version)),
    ]
}

// R8 R72
#[test]
fn two_processes_and_the_engine_in_process_agree_on_every_step() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(server());
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let steps = prop::collection::vec((step(), any::<bool>()), 1..80);
    let outcome = runner.run(&steps, |steps| {
        runtime.block_on(async {
            server.redis.flush().await.unwrap();
            let redis = [(); 2].map(|()| RedisFeed::new(Redis::new(&server.patient()).unwrap(), ENTRIES));
            let model = InProcess::new(ENTRIES);
            assert!(redis[0].begin("b", LEASE).await.unwrap() && model.begin("b", LEASE).await.unwrap());
            for (step, which) in steps {
                let engines: [&dyn feed::Engine; 2] = [&redis[usize::from(which)], &model];
                for engine in engines {
                    match &step {
                        Step::Put(n, version) => {
                            engine.put(&[picture(*n, u64::from(n % 4) + 1, *version)], 100).await.unwrap();
                        }
                        Step::Remove(n) => {
                            engine.remove(&[picture(*n, u64::from(n % 4) + 1, 1).place], 100).await.unwrap();
                        }
                        Step::Rename(user, version) => {
                            let names = picture(0, 1, *version).names;
                            engine.rename(UserId::new(*user).unwrap(), &names).await.unwrap();
                        }
                    }
                }
                let other = &redis[usize::from(!which)];
                prop_assert_eq!(other.page(None, 100).await.unwrap(), model.page(None, 100).await.unwrap());
            }
            prop_assert!(redis[0].finish("b", None).await.unwrap() && model.finish("b", None).await.unwrap());
            prop_assert_eq!(redis[1].page(None, 100).await.unwrap(), model.page(None, 100).await.unwrap());
            Ok::<(), TestCaseError>(())
        })
    });
    outcome.unwrap();
}
