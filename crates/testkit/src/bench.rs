//! What the benchmarks share: a light client, requests as bytes, runs of them, and what processes took of the machine.

mod counter;
mod requests;
mod run;
mod usage;
mod wire;

pub use counter::counter;
pub use requests::{Request, get, get_as, patch, post, sign_in, sign_up, upload};
pub use run::{Run, ratio, run};
pub use usage::{Process, cpu, cpu_of_ended_children, processes_below, resident};
pub use wire::Connection;
