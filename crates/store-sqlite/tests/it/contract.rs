//! The suite of every engine.

use std::sync::Arc;

use store::Engine;
use store_sqlite::Sqlite;
use tempfile::TempDir;

fn open() -> (Arc<dyn Engine>, TempDir) {
    let dir = TempDir::new().unwrap();
    (Sqlite::open(&super::options(&dir)).unwrap(), dir)
}

store::contract_tests!(open);
