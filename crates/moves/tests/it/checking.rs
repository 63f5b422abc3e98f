//! Lets the model checker loose, and tells what it went through.

use std::{collections::BTreeSet, fmt::Debug, hash::Hash, time::Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model};

/// Every property holds in every state of the model.
pub fn holds<M>(name: &str, model: M)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq,
{
    let began = Instant::now();
    let checker = model.checker().spawn_bfs().join();
    println!(
        "{name}: {} states, depth {}, {:.1} s",
        checker.unique_state_count(),
        checker.max_depth(),
        began.elapsed().as_secs_f32()
    );
    for (property, path) in checker.discoveries() {
        if checker.model().property(property).expectation != Expectation::Sometimes {
            println!("{name}: not so: {property}: {}", told(checker.model(), &path.into_actions()));
        }
    }
    checker.assert_properties();
}

/// With a rule missing, the property does not hold.
pub fn is_noticed<M>(twin: &dyn Debug, model: M, property: &'static str)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq,
{
    let began = Instant::now();
    let checker = model.checker().finish_when(HasDiscoveries::AnyOf(BTreeSet::from([property]))).spawn_bfs().join();
    let states = checker.unique_state_count();
    let told = checker.discovery(property).map(|path| told(checker.model(), &path.into_actions()));
    assert!(told.is_some(), "{twin:?} went unnoticed in {states} states");
    println!(
        "{twin:?}: {states} states, {:.1} s, not so: {property}: {}",
        began.elapsed().as_secs_f32(),
        told.unwrap_or_default()
    );
}

fn told<M: Model>(model: &M, actions: &[M::Action]) -> String
where
    M::Action: Debug,
{
    actions.iter().map(|action| model.format_action(action)).collect::<Vec<_>>().join(" | ")
}
