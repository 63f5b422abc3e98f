//! A real photograph.

/// The one that the product's own demonstration uploads.
pub const DEMO: &[u8] = include_bytes!("../../../myriad/assets/demo.jpg");
