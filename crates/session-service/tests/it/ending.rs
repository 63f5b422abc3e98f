//! Ending sessions: at once here, within a second everywhere.

use std::time::{Duration, Instant};

use model::{Code, SessionId};
use testkit::engines::ShardEngine;

use crate::SHARDS;
use crate::cluster::{Cluster, until};

const JOHN: &str = "john@example.com";
const PASSWORD: &str = "correct horse battery staple";

// R41
async fn an_ended_session_is_over_at_once_and_the_others_are_not(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        cluster.add_user(13, JOHN, PASSWORD).await;
        let node = cluster.node();
        let one = node.sign_in(JOHN, PASSWORD).await.unwrap().session.unwrap();
        let two = node.sign_in(JOHN, PASSWORD).await.unwrap().session.unwrap();
        assert!(node.validate(&one).await.is_ok());
        node.end(13, &one).await.unwrap();
        assert_eq!(node.validate(&one).await.unwrap_err().code, Code::Unauthenticated);
        assert!(node.validate(&two).await.is_ok());
        assert_eq!(node.list(13).await, [two]);
    }
}

async fn a_session_that_is_over_or_anothers_cannot_be_ended(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        cluster.add_user(13, JOHN, PASSWORD).await;
        cluster.add_user(14, "jane@example.com", PASSWORD).await;
        let node = cluster.node();
        let johns = node.sign_in(JOHN, PASSWORD).await.unwrap().session.unwrap();
        let code = async |user, session: &_| node.end(user, session).await.unwrap_err().code;
        assert_eq!(code(14, &johns).await, Code::NotFound);
        assert!(node.validate(&johns).await.is_ok());
        let unknown = api::session::v1::Session { id: SessionId([7; 16]).0.to_vec(), ..johns.clone() };
        assert_eq!(code(13, &unknown).await, Code::NotFound);
        node.end(13, &johns).await.unwrap();
        assert_eq!(code(13, &johns).await, Code::NotFound);
        // Ended by its user's epoch, not by its own row.
        let next = node.sign_in(JOHN, PASSWORD).await.unwrap().session.unwrap();
        node.end_all(13).await.unwrap();
        assert_eq!(code(13, &next).await, Code::NotFound);
    }
}

// R41
async fn ending_all_ends_every_session_of_this_user_only(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        cluster.add_user(13, JOHN, PASSWORD).await;
        cluster.add_user(14, "jane@example.com", PASSWORD).await;
        let node = cluster.node();
        let mut johns = Vec::new();
        for _ in 0..3 {
            johns.push(node.sign_in(JOHN, PASSWORD).await.unwrap().session.unwrap());
        }
        let janes = node.sign_in("jane@example.com", PASSWORD).await.unwrap().session.unwrap();
        for session in &johns {
            node.validate(session).await.unwrap();
        }
        node.end_all(13).await.unwrap();
        for session in &johns {
            assert_eq!(node.validate(session).await.unwrap_err().code, Code::Unauthenticated);
        }
        assert!(node.list(13).await.is_empty());
        assert!(node.validate(&janes).await.is_ok());
        assert!(node.sign_in(JOHN, PASSWORD).await.is_ok());
        assert_eq!(node.end_all(999).await.unwrap_err().code, Code::NotFound);
    }
}

async fn what_is_ended_elsewhere_is_over_here_within_a_second(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        cluster.add_user(13, JOHN, PASSWORD).await;
        let (here, there) = (cluster.node(), cluster.node());
        for way in ["one", "all", "password", "account"] {
            let session = here.sign_in(JOHN, PASSWORD).await.unwrap().session.unwrap();
            here.validate(&session).await.unwrap();
            match way {
                "one" => there.end(13, &session).await.unwrap(),
                "all" => there.end_all(13).await.unwrap(),
                "password" => {
                    let phc = here.hasher.hash(PASSWORD.into()).await.unwrap();
                    here.validate(&session).await.unwrap();
                    cluster.change_password(13, phc).await;
                }
                _ => cluster.delete_user(13).await,
            }
            let ended = Instant::now();
            until("the session is over", || async { here.validate(&session).await.is_err() }).await;
            assert!(ended.elapsed() < Duration::from_secs(1), "{way}: {:?}", ended.elapsed());
        }
    }
}

testkit::on_both_engines! {
    an_ended_session_is_over_at_once_and_the_others_are_not,
    a_session_that_is_over_or_anothers_cannot_be_ended,
    ending_all_ends_every_session_of_this_user_only,
    what_is_ended_elsewhere_is_over_here_within_a_second,
}
