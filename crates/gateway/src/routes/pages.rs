//! What is for people: the page, the docs, the explanations of problems.

pub mod docs;
pub mod files;
pub mod index;
pub mod problems;
