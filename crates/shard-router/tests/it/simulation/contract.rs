//! The simulated engine keeps the laws of engines, or what holds on it would say nothing of the others.

use std::sync::Arc;

use store::Engine;

use super::database::Database;
use super::engine::SimEngine;
use super::journal::Journal;
use super::process::Process;
use super::sabotage::Sabotage;

fn fresh() -> (Arc<dyn Engine>, ()) {
    let database = Database::start("contract", Journal::begin(), Sabotage::default());
    (SimEngine::connect(database, Arc::new(Process::new("law".to_owned())), 0), ())
}

store::contract_tests!(fresh);
