//! The suite of all engines, on the one in process: alone, and as the near tier over a shared one.

mod alone {
    use std::future::{Ready, ready};

    use cache::{Cache, Settings};

    fn open() -> Ready<(Cache, ())> {
        ready((Cache::in_process(Settings::default()), ()))
    }

    cache::contract_tests!(open);
}

mod tiered {
    use std::future::{Ready, ready};
    use std::sync::Arc;
    use std::time::Duration;

    use cache::{Cache, InProcess, Settings, Tiered};

    fn open() -> Ready<(Cache, ())> {
        let [near, shared] = [(); 2].map(|()| InProcess::new(Settings::default()));
        ready((Cache::tiered(Arc::new(Tiered::new(near, Arc::new(shared), Duration::from_secs(1)))), ()))
    }

    cache::contract_tests!(open);
}
