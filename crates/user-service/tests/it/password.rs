//! Change of password.

use api::user::v1 as proto;
use model::{Code, SessionId, UserId};
use secrecy::SecretString;
use store::tables::{
    credentials,
    sessions::{self, SessionRow},
};
use testkit::engines::ShardEngine;

use crate::world::{PASSWORD, World, code, ok, person, refusal};

pub const NEW: &str = "another horse, another battery";

pub fn change(user: u64, current: &str, new: &str) -> proto::ChangePasswordRequest {
    proto::ChangePasswordRequest {
        user_id: user,
        current_password: current.to_owned(),
        new_password: new.to_owned(),
        keep_session_id: vec![1; 16],
        if_version: None,
    }
}

pub async fn session(world: &World, user: u64, id: u8, epoch: u64) -> bool {
    let now_ms = model::time::now_ms();
    let row = SessionRow {
        id: SessionId([id; 16]),
        user_id: UserId::new(user).unwrap(),
        session_epoch: epoch,
        created_at_ms: now_ms,
        last_seen_at_ms: now_ms,
        expires_at_ms: now_ms + 60_000,
        ip: String::new(),
        user_agent: String::new(),
        revoked_at_ms: None,
    };
    let written =
        world.shards.write(row.user_id, move |tx| Box::pin(async move { sessions::insert(tx, &row).await })).await;
    written.unwrap().value
}

async fn live(world: &World, user: u64) -> Vec<SessionId> {
    let id = UserId::new(user).unwrap();
    let mut read = world.shards.read(id).unwrap();
    let rows = sessions::live_of_user(&mut read, world.bucket(user), id, model::time::now_ms()).await.unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

async fn the_users_own_address_is_no_password(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    let weak = proto::CreateUserRequest { password: "Someone@example.com".to_owned(), ..person("someone@example.com") };
    assert_eq!(code(world.users.clone().create_user(weak).await), Code::WeakPassword);
    let user = world.sign_up("someone@example.com").await.id;
    let refused = refusal(world.users.clone().change_password(change(user, PASSWORD, "someone@EXAMPLE.com")).await);
    assert_eq!((refused.code, refused.fields.len()), (Code::WeakPassword, 1));
    ok(world.users.clone().change_password(change(user, PASSWORD, "someone@else.example")).await);
}

async fn a_new_password_ends_every_session_but_the_callers(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    let user = world.sign_up("a@example.com").await.id;
    for id in 1..=3 {
        assert!(session(&world, user, id, 1).await);
    }
    ok(world.users.clone().change_password(change(user, PASSWORD, NEW)).await);
    assert_eq!(live(&world, user).await, [SessionId([1; 16])]);
    assert_eq!(code(world.users.clone().change_password(change(user, PASSWORD, NEW)).await), Code::WrongPassword);
    ok(world.users.clone().change_password(change(user, NEW, PASSWORD)).await);
    assert_eq!(world.get(user).await.unwrap().version, 1);
}

async fn a_sign_in_that_raced_with_the_old_password_makes_no_session(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    let user = world.sign_up("a@example.com").await.id;
    let id = UserId::new(user).unwrap();
    let read =
        credentials::for_sign_in(&mut world.shards.read(id).unwrap(), world.bucket(user), id).await.unwrap().unwrap();
    assert!(world.hasher.verify(&read.phc, SecretString::from(PASSWORD)).await.unwrap().ok);
    ok(world.users.clone().change_password(change(user, PASSWORD, NEW)).await);
    assert!(!session(&world, user, 9, read.session_epoch).await);
}

async fn a_weak_new_password_a_wrong_one_and_a_stale_version_are_refused(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    let user = world.sign_up("a@example.com").await.id;
    assert_eq!(code(world.users.clone().change_password(change(user, PASSWORD, "12345678")).await), Code::WeakPassword);
    assert_eq!(
        code(world.users.clone().change_password(change(user, "wrong password", NEW)).await),
        Code::WrongPassword
    );
    let stale = proto::ChangePasswordRequest { if_version: Some(7), ..change(user, PASSWORD, NEW) };
    assert_eq!(code(world.users.clone().change_password(stale).await), Code::VersionMismatch);
    assert_eq!(code(world.users.clone().change_password(change(99, PASSWORD, NEW)).await), Code::NotFound);
}

async fn of_two_changes_at_once_one_meets_the_others_password(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    let user = world.sign_up("a@example.com").await.id;
    let (mut a, mut b) = (world.users.clone(), world.users.clone());
    let outcomes = tokio::join!(
        a.change_password(change(user, PASSWORD, NEW)),
        b.change_password(change(user, PASSWORD, "a third horse entirely"))
    );
    let outcomes = [outcomes.0, outcomes.1];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for outcome in outcomes.into_iter().filter(Result::is_err) {
        assert_eq!(code(outcome), Code::WrongPassword);
    }
}

async fn guessing_the_current_password_is_counted(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    let user = world.sign_up("a@example.com").await.id;
    for _ in 0..10 {
        let refused = world.users.clone().change_password(change(user, "not the password", NEW)).await;
        assert_eq!(code(refused), Code::WrongPassword);
    }
    let refused = world.users.clone().change_password(change(user, PASSWORD, NEW)).await;
    assert_eq!(code(refused), Code::RateLimited);
}

testkit::on_both_engines! {
    the_users_own_address_is_no_password,
    a_new_password_ends_every_session_but_the_callers,
    a_sign_in_that_raced_with_the_old_password_makes_no_session,
    a_weak_new_password_a_wrong_one_and_a_stale_version_are_refused,
    of_two_changes_at_once_one_meets_the_others_password,
    guessing_the_current_password_is_counted,
}
