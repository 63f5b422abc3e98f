//! The suite of all engines: Redis alone, and under the near tier.

mod alone {
    use std::sync::Arc;

    use cache::Cache;
    use cache_redis::Redis;

    use crate::{Server, server};

    async fn open() -> (Cache, Server) {
        let server = server().await;
        let redis = Redis::new(&server.patient()).unwrap();
        (Cache::shared(Arc::new(redis)), server)
    }

    cache::contract_tests!(open);
}

mod tiered {
    use std::time::Duration;

    use cache::Cache;

    use crate::{Server, process, server};

    async fn open() -> (Cache, Server) {
        let server = server().await;
        (process(&server.patient(), Duration::from_secs(1)).cache, server)
    }

    cache::contract_tests!(open);
}
