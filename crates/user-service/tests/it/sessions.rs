//! What ends or changes sessions here is told to the cache that session-service validates them by.

use std::time::Duration;

use api::{operator::v1::GrantAdminRequest, user::v1 as proto};
use bytes::Bytes;
use cache::{Class, Policy, Version, keys, policy};
use model::{SessionId, UserId};
use testkit::engines::ShardEngine;

use crate::password::{NEW, change, session};
use crate::world::{PASSWORD, World, ok};

/// As session-service has it, but for longer than a test takes.
fn validated(world: &World) -> Class<Bytes> {
    world.cache.class(Policy { ttl: Duration::from_mins(1), ..policy::SESSION })
}

fn key(user: u64, id: u8) -> String {
    keys::session(UserId::new(user).unwrap(), SessionId([id; 16]))
}

/// A user with sessions 1 to 3, each kept as validated.
async fn user(world: &World) -> (u64, Version) {
    let user = world.sign_up("a@example.com").await.id;
    for id in 1..=3 {
        assert!(session(world, user, id, 1).await);
    }
    let now = model::time::now_ms().cast_unsigned();
    for id in 1..=3 {
        assert!(keep(world, user, id, now - 60_000).await);
    }
    (user, now)
}

async fn keep(world: &World, user: u64, id: u8, seen: Version) -> bool {
    validated(world).set_if_newer(&key(user, id), seen, &Bytes::from_static(b"live")).await
}

async fn kept(world: &World, user: u64) -> Vec<u8> {
    let mut kept = Vec::new();
    for id in 1..=3 {
        if validated(world).get(&key(user, id)).await.is_some() {
            kept.push(id);
        }
    }
    kept
}

// R25
async fn a_new_password_ends_the_cached_sessions_but_the_callers_for_good(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    let (user, now) = user(&world).await;
    ok(world.users.clone().change_password(change(user, PASSWORD, NEW)).await);
    assert_eq!(kept(&world, user).await, [1]);
    assert!(!keep(&world, user, 2, now + 60_000).await, "whoever read it before is too late");
}

// R25
async fn a_deleted_user_has_no_cached_session(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    let (user, now) = user(&world).await;
    ok(world.users.clone().delete_user(proto::DeleteUserRequest { user_id: user, ..Default::default() }).await);
    assert_eq!(kept(&world, user).await, [0; 0]);
    assert!(!keep(&world, user, 1, now + 60_000).await);
}

// R25
async fn a_role_given_outdates_the_cached_sessions_that_carry_the_old_one(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    let (user, now) = user(&world).await;
    ok(world.operator.clone().grant_admin(GrantAdminRequest { email: "a@example.com".to_owned() }).await);
    assert_eq!(kept(&world, user).await, [0; 0]);
    assert!(!keep(&world, user, 1, now - 60_000).await, "whoever read it before is too late");
    assert!(keep(&world, user, 1, now + 60_000).await, "a later use carries the new one");
}

testkit::on_both_engines! {
    a_new_password_ends_the_cached_sessions_but_the_callers_for_good,
    a_deleted_user_has_no_cached_session,
    a_role_given_outdates_the_cached_sessions_that_carry_the_old_one,
}
