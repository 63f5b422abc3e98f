//! The cache, through its public API: the engine in process, and the near tier over a shared one.

mod contract;
mod expiry;
mod tiers;
