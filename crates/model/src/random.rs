//! Random bytes, from the system.

pub use getrandom::Error;

/// Fills `bytes` with random ones.
///
/// # Errors
/// Where the system gives none.
pub fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    #[cfg(feature = "simulation")]
    if let Some(stand_in) = crate::simulation::present() {
        (stand_in.fill)(bytes);
        return Ok(());
    }
    getrandom::fill(bytes)
}
