//! Services replaced one after the other, as a rolling restart does: nobody notices.

use std::time::Duration;

use stack::Role;

use crate::{World, load::Load};

// R12: a graceful stop of each service under load: no request fails.
pub async fn no_request_fails_while_services_are_replaced(world: &mut World) {
    let load = Load::start(&world.stack).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    load.take();
    let mut total = 0;
    for role in [Role::Gateway, Role::UserService, Role::SessionService, Role::ImageWorker, Role::ShardRouter] {
        let name = format!("{}-1", role.name());
        let member = world.stack.member(&name).unwrap();
        member.stop().await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        member.restart().await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let operations = load.take();
        let failed: Vec<_> = operations.iter().filter(|operation| !operation.succeeded()).collect();
        println!("{name} replaced: {} operations, {} failed", operations.len(), failed.len());
        assert!(failed.is_empty(), "{name}: {failed:#?}");
        total += operations.len();
    }
    assert!(total > 500, "there was hardly any load: {total}");
    assert_eq!(load.end().await, Vec::<String>::new());
}
