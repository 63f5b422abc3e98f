//! What can be said about a picture without decoding it: its header, the operations asked for, and the sizes they lead to.
//!
//! The gateway uses this crate to refuse bad uploads at once, the worker to read the same request again. It has no codec.

mod draft;
pub mod follow;
mod format;
pub mod header;
mod operation;
mod parse;
mod request;

pub use draft::Draft;
pub use follow::{Fault, Rect, Size};
pub use format::Format;
pub use header::{Header, Orientation, Probe, Prober};
pub use operation::{Axis, Crop, Fit, Gravity, Operation, Place, Quarter, Resize};
pub use request::{Form, Output, Request, Variant};

/// Most pixels that a source, a step of a chain or an output may have.
pub const MAX_PIXELS: u64 = 50_000_000;
/// Most operations in one chain.
pub const MAX_OPERATIONS: usize = 32;
/// Most variants in one request.
pub const MAX_VARIANTS: usize = 16;
