//! What the process allows itself, before it reads a byte from a stranger.

use std::fs;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};

use crate::protocol::Limits;

/// Address space that a process is taken to start with where the system does not say.
const BASE_BYTES: u64 = 256 * 1024 * 1024;

/// Limits memory, processor time and file sizes, forbids core dumps, and stands back.
pub fn apply(limits: &Limits) -> io::Result<()> {
    let memory = address_space().unwrap_or(BASE_BYTES).saturating_add(limits.memory_bytes);
    set(Resource::As, memory, memory)?;
    // SIGXCPU at the soft limit ends the process; the hard one is for what would ignore it.
    set(Resource::Cpu, limits.cpu_s, limits.cpu_s.saturating_add(2))?;
    set(Resource::Fsize, limits.file_bytes, limits.file_bytes)?;
    set(Resource::Core, 0, 0)?;
    nice(i32::from(limits.niceness))?;
    Ok(())
}

/// A limit that is lower already stays.
fn set(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let present = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limit = Rlimit { current: Some(soft.min(present)), maximum: Some(hard.min(present)) };
    Ok(setrlimit(resource, limit)?)
}

/// Address space in use, in bytes (proc(5), first field of `statm`).
fn address_space() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').next()?.parse().ok()?;
    Some(pages * u64::try_from(rustix::param::page_size()).ok()?)
}
