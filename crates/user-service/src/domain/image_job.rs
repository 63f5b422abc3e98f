//! Where an image's job may go from where it stands.

use model::image::{Image, ImageStatus, JobError, Variant};

/// What a report or a beginning does to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The image changes to this.
    Becomes(Image),
    /// Nothing changes; the answer is the image as it is.
    Stays(Image),
    /// There is nothing left to do for this job.
    Over,
}

/// A worker begins an attempt. Past `attempts_max` the image fails instead.
pub fn begin(mut image: Image, attempts_max: u32, now_ms: i64) -> Step {
    if image.status.is_final() {
        return Step::Over;
    }
    if image.attempts >= attempts_max {
        let error = JobError {
            code: "ATTEMPTS_EXHAUSTED".to_owned(),
            detail: format!("The picture could not be processed in {attempts_max} attempts. Upload it again."),
        };
        return Step::Becomes(fail(image, error, now_ms));
    }
    image.status = ImageStatus::Running;
    image.attempts += 1;
    Step::Becomes(image)
}

/// A worker has finished. A second report of a done image answers the same; content-addressed keys make the variants of
/// every attempt equal, so whichever comes first counts.
pub fn done(mut image: Image, variants: Vec<Variant>, now_ms: i64) -> Step {
    match image.status {
        ImageStatus::Done => Step::Stays(image),
        ImageStatus::Failed => Step::Over,
        ImageStatus::Queued | ImageStatus::Running => {
            image.status = ImageStatus::Done;
            image.variants = variants;
            image.error = None;
            image.finished_at_ms = Some(now_ms);
            Step::Becomes(image)
        }
    }
}

/// A worker has failed at an attempt. A report of an attempt that is not the present one is late and changes nothing.
pub fn failed(mut image: Image, attempt: u32, error: JobError, is_final: bool, attempts_max: u32, now_ms: i64) -> Step {
    let late = image.status.is_final() || image.status != ImageStatus::Running || attempt != image.attempts;
    if late {
        return Step::Stays(image);
    }
    if is_final || image.attempts >= attempts_max {
        return Step::Becomes(fail(image, error, now_ms));
    }
    image.status = ImageStatus::Queued;
    Step::Becomes(image)
}

fn fail(mut image: Image, error: JobError, now_ms: i64) -> Image {
    image.status = ImageStatus::Failed;
    image.error = Some(error);
    image.finished_at_ms = Some(now_ms);
    image
}

#[cfg(test)]
mod tests {
    use model::{ImageId, UserId, image::Source};

    use super::*;

    fn image(status: ImageStatus, attempts: u32) -> Image {
        Image {
            id: ImageId::from_bytes([1; 16]),
            user_id: UserId::new(1).unwrap(),
            status,
            attempts,
            error: None,
            source: Source { width: 1, height: 1, bytes: 1, format: "png".into(), key: "k".into() },
            variants: Vec::new(),
            created_at_ms: 0,
            finished_at_ms: None,
            request_json: "{}".into(),
        }
    }

    fn error() -> JobError {
        JobError { code: "X".into(), detail: "x".into() }
    }

    #[test]
    fn the_fourth_attempt_is_a_failure() {
        // R54
        let mut present = image(ImageStatus::Queued, 0);
        for attempt in 1..=3 {
            let Step::Becomes(next) = begin(present, 3, 5) else { panic!("attempt {attempt} begins") };
            assert_eq!((next.status, next.attempts), (ImageStatus::Running, attempt));
            present = next;
        }
        let Step::Becomes(last) = begin(present, 3, 9) else { panic!("it fails") };
        assert_eq!((last.status, last.attempts, last.finished_at_ms), (ImageStatus::Failed, 3, Some(9)));
        assert_eq!(begin(last, 3, 10), Step::Over);
    }

    #[test]
    fn a_late_failure_changes_nothing() {
        let running = image(ImageStatus::Running, 2);
        assert_eq!(failed(running.clone(), 1, error(), true, 3, 0), Step::Stays(running));
        let done = image(ImageStatus::Done, 2);
        assert_eq!(failed(done.clone(), 2, error(), true, 3, 0), Step::Stays(done));
    }

    #[test]
    fn a_failure_that_may_pass_is_queued_again_until_the_attempts_are_used_up() {
        let Step::Becomes(again) = failed(image(ImageStatus::Running, 1), 1, error(), false, 3, 0) else { panic!() };
        assert_eq!((again.status, again.error), (ImageStatus::Queued, None));
        let Step::Becomes(over) = failed(image(ImageStatus::Running, 3), 3, error(), false, 3, 4) else { panic!() };
        assert_eq!((over.status, over.finished_at_ms), (ImageStatus::Failed, Some(4)));
    }

    #[test]
    fn a_done_image_stays_done() {
        let present = image(ImageStatus::Done, 1);
        assert_eq!(done(present.clone(), Vec::new(), 1), Step::Stays(present));
        assert_eq!(done(image(ImageStatus::Failed, 3), Vec::new(), 1), Step::Over);
    }
}
