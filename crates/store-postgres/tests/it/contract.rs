//! The suite of every engine.

use std::sync::Arc;

use store::Engine;
use store_postgres::Settings;
use tokio::{runtime::Handle, task::block_in_place};

use crate::world;

fn open() -> (Arc<dyn Engine>, ()) {
    open_with(&world::settings())
}

fn open_with(settings: &Settings) -> (Arc<dyn Engine>, ()) {
    block_in_place(|| {
        Handle::current().block_on(async {
            let server = world::server().await;
            let database = world::database(server).await;
            let engine: Arc<dyn Engine> = world::open(server, &database, settings).await.unwrap();
            (engine, ())
        })
    })
}

store::contract_tests!(open);

/// The law about callers that leave, where nearly all of them find the pool in use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_callers_that_leave_find_a_pool_of_two_in_order() {
    let (engine, ()) = open_with(&Settings { pool: 2, readers: 1, ..world::settings() });
    store::contract::transactions::ten_thousand_callers_that_leave_at_any_await_leave_no_stale_transaction(engine)
        .await;
}
