//! The Redis engine of the cache.
