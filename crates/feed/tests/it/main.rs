//! The suite of all engines, on the one in this process.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use feed::{
    InProcess,
    contract::{ENTRIES, Feed},
};

fn open() -> Ready<(Feed, ())> {
    ready((Arc::new(InProcess::new(ENTRIES)), ()))
}

feed::contract_tests!(open);
