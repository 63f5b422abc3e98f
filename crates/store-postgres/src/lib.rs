//! The PostgreSQL engine of the store.
