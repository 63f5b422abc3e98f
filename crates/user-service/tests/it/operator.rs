//! Operators' calls.

use api::{
    operator::v1::{CreateAdminRequest, GrantAdminRequest, ListAdminsRequest, RevokeAdminRequest},
    user::v1::Role,
};
use model::Code;
use testkit::engines::ShardEngine;

use crate::world::{PASSWORD, World, code, ok};

async fn administrators_are_created_granted_listed_and_revoked(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    let create = CreateAdminRequest {
        email: "root@example.com".to_owned(),
        password: PASSWORD.to_owned(),
        first_name: "Ada".to_owned(),
        last_name: "Root".to_owned(),
    };
    let root = ok(world.operator.clone().create_admin(create.clone()).await).user.unwrap();
    assert_eq!(root.role(), Role::Admin);
    assert_eq!(code(world.operator.clone().create_admin(create).await), Code::EmailTaken);
    let user = world.sign_up("a@example.com").await;
    let email = "a@example.com".to_owned();
    let granted =
        ok(world.operator.clone().grant_admin(GrantAdminRequest { email: email.clone() }).await).user.unwrap();
    assert_eq!((granted.role(), granted.version), (Role::Admin, 2));
    assert_eq!(world.get(user.id).await.unwrap().role(), Role::Admin);
    let again = ok(world.operator.clone().grant_admin(GrantAdminRequest { email: email.clone() }).await).user.unwrap();
    assert_eq!(again.version, 2);
    let admins = ok(world.operator.clone().list_admins(ListAdminsRequest {}).await).users;
    assert_eq!(admins.iter().map(|admin| admin.id).collect::<Vec<_>>(), [root.id, user.id]);
    ok(world.operator.clone().revoke_admin(RevokeAdminRequest { email }).await);
    assert_eq!(ok(world.operator.clone().list_admins(ListAdminsRequest {}).await).users.len(), 1);
    let nobody = GrantAdminRequest { email: "nobody@example.com".to_owned() };
    assert_eq!(code(world.operator.clone().grant_admin(nobody).await), Code::NotFound);
}

testkit::on_both_engines! {
    administrators_are_created_granted_listed_and_revoked,
}
