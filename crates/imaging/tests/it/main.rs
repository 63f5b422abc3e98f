//! The pipeline on real photographs, against libvips, and on hostile files.

#![expect(clippy::unwrap_used, reason = "tests")]

mod compare;
mod edges;
mod golden;
mod hostile;
mod made;
mod outputs;
mod photos;
mod scaled;
