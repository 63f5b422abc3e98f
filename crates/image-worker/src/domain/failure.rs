//! A failed attempt: the code and sentence that the owner of the picture reads, and whether another attempt can help.

use model::image::JobError;

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `UPPER_SNAKE`.
    pub code: String,
    /// What to do. No internal text.
    pub detail: String,
    /// Another attempt would end the same.
    pub is_final: bool,
}

impl Failure {
    fn new(code: &str, detail: &str, is_final: bool) -> Self {
        Self { code: code.to_owned(), detail: detail.to_owned(), is_final }
    }

    /// The transformation itself refused the picture.
    pub fn refused(code: String, detail: String) -> Self {
        Self { code, detail, is_final: true }
    }

    /// Data that is cut off or damaged.
    pub fn broken() -> Self {
        Self::new("BAD_PICTURE_DATA", "The picture's data is cut off or damaged. Upload the whole file again.", true)
    }

    /// More processor time than allowed: the picture's own doing, wherever it runs.
    pub fn too_costly() -> Self {
        Self::new(
            "TIMED_OUT",
            "The picture took too long to process. Upload a smaller one, or ask for fewer operations.",
            true,
        )
    }

    /// More time on the clock than allowed, though not of the processor: a busy machine.
    pub fn too_slow() -> Self {
        Self::new("TIMED_OUT", "The picture took too long to process. Upload it again later.", false)
    }

    /// More memory than allowed.
    pub fn out_of_memory() -> Self {
        Self::new(
            "OUT_OF_MEMORY",
            "The picture needs too much memory. Upload a smaller one, or ask for fewer operations.",
            true,
        )
    }

    /// The process died by its own fault: of these bytes it will do so again.
    pub fn crashed() -> Self {
        Self::new(
            "CRASHED",
            "The picture could not be processed. Save it anew with another program and upload that.",
            true,
        )
    }

    /// The process was killed from outside.
    pub fn killed() -> Self {
        Self::new("WORKER_LOST", "The picture could not be processed now. Upload it again.", false)
    }

    /// The uploaded file is not there.
    pub fn no_source() -> Self {
        Self::new("SOURCE_MISSING", "The uploaded file is gone. Upload it again.", true)
    }

    /// Something of ours, such as the object store, does not work now.
    pub fn ours() -> Self {
        Self::new("UNAVAILABLE", "The picture could not be processed now. Upload it again later.", false)
    }
}

impl From<Failure> for JobError {
    fn from(failure: Failure) -> Self {
        Self { code: failure.code, detail: failure.detail }
    }
}
