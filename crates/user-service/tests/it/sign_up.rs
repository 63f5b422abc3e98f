//! Sign-up.

use api::{position, user::v1 as proto};
use futures::future::join_all;
use model::Code;
use testkit::engines::ShardEngine;

use crate::world::{World, code, ok, person, refusal};

async fn a_user_is_created_found_by_e_mail_and_read_as_given(engine: ShardEngine) {
    // R4 R65
    for shards in [1, 4] {
        let world = World::new(engine, shards).await;
        let answer = world.users.clone().create_user(person("John.Smith@Example.com")).await.unwrap();
        assert!(!position::read(answer.metadata()).is_empty());
        let user = answer.into_inner().user.unwrap();
        assert_eq!((user.version, user.email.as_str()), (1, "John.Smith@Example.com"));
        assert_eq!(user.address.as_ref().unwrap().postal_code.as_deref(), Some("10021"));
        assert_eq!(user.phone_numbers, ["212 555-1234", "646 555-4567"]);
        assert_eq!(world.get(user.id).await.unwrap(), user);
        assert_eq!(world.resolve("john.smith@EXAMPLE.com").await, Some(user.id));
        assert_eq!(world.resolve("nobody@example.com").await, None);
        world.assert_every_address_has_one_user().await;
    }
}

async fn a_taken_e_mail_is_refused_in_any_spelling(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    world.sign_up("a@example.com").await;
    assert_eq!(code(world.users.clone().create_user(person("A@EXAMPLE.com")).await), Code::EmailTaken);
    world.sign_up("b@example.com").await;
}

async fn of_twenty_that_race_for_an_e_mail_exactly_one_wins(engine: ShardEngine) {
    for shards in [1, 4] {
        let world = World::new(engine, shards).await;
        let racers = (0..20).map(|_| {
            let mut users = world.users.clone();
            async move { users.create_user(person("race@example.com")).await }
        });
        let outcomes = join_all(racers).await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        assert!(lost.into_iter().all(|outcome| code(outcome) == Code::EmailTaken));
        world.assert_every_address_has_one_user().await;
    }
}

async fn a_weak_password_and_wrong_fields_are_refused_before_anything_is_written(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    let weak = proto::CreateUserRequest { password: "password".to_owned(), ..person("a@example.com") };
    let refused = refusal(world.users.clone().create_user(weak).await);
    assert_eq!((refused.code, refused.fields.len()), (Code::WeakPassword, 1));
    let wrong = proto::CreateUserRequest {
        first_name: String::new(),
        phone_numbers: vec![String::new()],
        ..person("a@example.com")
    };
    let refused = refusal(world.users.clone().create_user(wrong).await);
    assert_eq!((refused.code, refused.fields.len()), (Code::InvalidInput, 2));
    assert!(world.claims().await.is_empty());
    world.sign_up("a@example.com").await;
}

async fn a_caller_that_goes_away_does_not_leave_a_sign_up_half_done(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    let mut held = world.halts.at("signup-after-reserve");
    let mut users = world.users.clone();
    let call = tokio::spawn(async move { users.create_user(person("a@example.com")).await });
    held.arrived().await;
    call.abort();
    held.release();
    crate::world::eventually(async || world.claims().await.iter().any(|(_, _, confirmed)| *confirmed)).await;
    world.assert_every_address_has_one_user().await;
}

async fn users_get_the_ids_of_leased_blocks_in_turn(engine: ShardEngine) {
    // R66 R67
    let world = World::new(engine, 4).await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(world.sign_up(&format!("u{n}@example.com")).await.id);
    }
    assert_eq!(ids, [1, 2, 3, 4]);
    let shard = |id| world.shards.place(model::UserId::new(id).unwrap()).unwrap().shard.0;
    assert_eq!([shard(12), shard(13)], [0, 1]);
    let all = proto::GetUsersRequest { user_ids: vec![4, 1, 99, 2, 3, 0] };
    let mut found: Vec<u64> =
        ok(world.users.clone().get_users(all).await).users.into_iter().map(|user| user.id).collect();
    found.sort_unstable();
    assert_eq!(found, [1, 2, 3, 4]);
}

testkit::on_both_engines! {
    a_user_is_created_found_by_e_mail_and_read_as_given,
    a_taken_e_mail_is_refused_in_any_spelling,
    of_twenty_that_race_for_an_e_mail_exactly_one_wins,
    a_weak_password_and_wrong_fields_are_refused_before_anything_is_written,
    a_caller_that_goes_away_does_not_leave_a_sign_up_half_done,
    users_get_the_ids_of_leased_blocks_in_turn,
}
