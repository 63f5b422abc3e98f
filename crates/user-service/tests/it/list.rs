//! The list of all users.

use api::user::v1::{ListUsersRequest, User};
use model::Code;
use testkit::engines::ShardEngine;

use crate::world::{World, code, ok};

async fn page(world: &World, limit: u32, after: u64) -> (Vec<User>, bool) {
    let request = ListUsersRequest { limit, after_user_id: after, email: String::new() };
    let page = ok(world.users.clone().list_users(request).await);
    (page.users, page.more)
}

async fn a_list_over_four_shards_shows_every_user_once_in_the_order_of_ids(engine: ShardEngine) {
    // R65
    for shards in [1, 4] {
        let world = World::new(engine, shards).await;
        let mut expected = Vec::new();
        for n in 0..11 {
            expected.push(world.sign_up(&format!("u{n}@example.com")).await);
        }
        world.delete(expected.remove(5).id).await.unwrap();
        for limit in [1, 3, 10, 200] {
            let (mut seen, mut after) = (Vec::new(), 0);
            loop {
                let (users, more) = page(&world, limit, after).await;
                assert!(users.len() <= limit as usize);
                after = users.last().map_or(after, |user| user.id);
                seen.extend(users);
                if !more {
                    break;
                }
            }
            assert_eq!(seen, expected, "{shards} shards, pages of {limit}");
        }
    }
}

async fn an_exact_e_mail_finds_its_user_and_nobody_else(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    let user = world.sign_up("a@example.com").await;
    world.sign_up("ab@example.com").await;
    let by = |email: &str, after| ListUsersRequest { limit: 10, after_user_id: after, email: email.to_owned() };
    let found = ok(world.users.clone().list_users(by("A@example.com", 0)).await);
    assert_eq!((found.users, found.more), (vec![user.clone()], false));
    assert!(ok(world.users.clone().list_users(by("a@example.com", user.id)).await).users.is_empty());
    assert!(ok(world.users.clone().list_users(by("c@example.com", 0)).await).users.is_empty());
    assert_eq!(
        code(world.users.clone().list_users(ListUsersRequest { limit: 0, ..by("", 0) }).await),
        Code::InvalidInput
    );
    assert_eq!(
        code(world.users.clone().list_users(ListUsersRequest { limit: 201, ..by("", 0) }).await),
        Code::InvalidInput
    );
}

testkit::on_both_engines! {
    a_list_over_four_shards_shows_every_user_once_in_the_order_of_ids,
    an_exact_e_mail_finds_its_user_and_nobody_else,
}
