//! The rules, without any I/O.

pub(crate) mod lifetime;
pub(crate) mod origin;
pub(crate) mod repeat;
