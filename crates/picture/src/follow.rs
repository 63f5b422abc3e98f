//! Sizes through a chain: what each operation makes of a size, and whether it can.

use model::error::FieldError;

use crate::operation::{Crop, Fit, Gravity, Operation, Place, Quarter, Resize};
use crate::{Format, MAX_PIXELS};

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl Size {
    /// Number of pixels.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The longer side.
    pub fn longest(self) -> u32 {
        self.width.max(self.height)
    }

    #[must_use]
    const fn turned(self) -> Self {
        Self { width: self.height, height: self.width }
    }
}

/// A part of a picture, inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// Pixels from the left.
    pub x: u32,
    /// Pixels from the top.
    pub y: u32,
    /// Its size.
    pub size: Size,
}

/// What cannot be done: the fields of the operation and what to do about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Names of the fields, at least one.
    pub fields: Vec<&'static str>,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl Fault {
    /// As errors of the operation that stands at this JSON pointer.
    pub(crate) fn at(self, operation: &str) -> Vec<FieldError> {
        let at = |field| FieldError::at(format!("{operation}/{field}"), &*self.detail);
        self.fields.into_iter().map(at).collect()
    }
}

/// The size after one operation.
///
/// # Errors
/// A crop outside the picture, or more than [`MAX_PIXELS`].
pub fn step(size: Size, operation: &Operation) -> Result<Size, Fault> {
    let after = match operation {
        Operation::Crop(crop) => check_crop(size, *crop)?,
        Operation::Resize(resize) => resize.target(size).output,
        Operation::Rotate(Quarter::Once | Quarter::Thrice) => size.turned(),
        _ => size,
    };
    if after.pixels() > MAX_PIXELS {
        let field = if matches!(operation, Operation::Resize(Resize { width: None, .. })) { "height" } else { "width" };
        return Err(Fault {
            fields: vec![field],
            detail: format!(
                "This makes {} x {} pixels; stay within {} megapixels.",
                after.width,
                after.height,
                MAX_PIXELS / 1_000_000
            ),
        });
    }
    Ok(after)
}

fn check_crop(size: Size, crop: Crop) -> Result<Size, Fault> {
    let (x, y) = match crop.place {
        Place::At { x, y } => (x, y),
        Place::Gravity(_) | Place::Attention => (0, 0),
    };
    let sides = [(x, crop.width, size.width, "x", "width"), (y, crop.height, size.height, "y", "height")];
    let outside =
        sides.into_iter().filter(|(start, length, side, ..)| u64::from(*start) + u64::from(*length) > u64::from(*side));
    let fields: Vec<_> = outside
        .map(|(start, _, side, start_field, length_field)| if start >= side { start_field } else { length_field })
        .collect();
    if !fields.is_empty() {
        let detail =
            format!("The crop reaches outside: the picture is {} x {} pixels at this point.", size.width, size.height);
        return Err(Fault { fields, detail });
    }
    Ok(Size { width: crop.width, height: crop.height })
}

impl Crop {
    /// The part that this keeps of a picture; `None` for attention, which depends on the pixels. Middles round down.
    pub fn rect(self, size: Size) -> Option<Rect> {
        let (right, low) = (size.width.saturating_sub(self.width), size.height.saturating_sub(self.height));
        let (x, y) = match self.place {
            Place::At { x, y } => (x, y),
            Place::Attention => return None,
            Place::Gravity(gravity) => match gravity {
                Gravity::Center => (right / 2, low / 2),
                Gravity::North => (right / 2, 0),
                Gravity::NorthEast => (right, 0),
                Gravity::East => (right, low / 2),
                Gravity::SouthEast => (right, low),
                Gravity::South => (right / 2, low),
                Gravity::SouthWest => (0, low),
                Gravity::West => (0, low / 2),
                Gravity::NorthWest => (0, 0),
            },
        };
        Some(Rect { x, y, size: Size { width: self.width, height: self.height } })
    }
}

/// What a resize leads to: the whole picture is scaled to `scaled`, of which the middle `output` is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Size of the whole picture after scaling; more than `output` only for cover.
    pub scaled: Size,
    /// Size of what is kept.
    pub output: Size,
}

impl Resize {
    /// What this makes of a size. Rounds half up, to 1 at least; no side grows unless `enlarge`.
    pub fn target(self, size: Size) -> Target {
        let limit =
            |asked: Option<u32>, side: u32| asked.map(|asked| if self.enlarge { asked } else { asked.min(side) });
        let (width, height) = (limit(self.width, size.width), limit(self.height, size.height));
        let by_width = |width: u32| Size { width, height: scale(size.height, width, size.width) };
        let by_height = |height: u32| Size { width: scale(size.width, height, size.height), height };
        let scaled = match (width, height) {
            (None, None) => size,
            (Some(width), None) => by_width(width),
            (None, Some(height)) => by_height(height),
            (Some(width), Some(height)) if self.fit == Fit::Fill => Size { width, height },
            (Some(width), Some(height)) => {
                // width / size.width <= height / size.height, without division
                let width_is_tighter =
                    u64::from(width) * u64::from(size.height) <= u64::from(height) * u64::from(size.width);
                if width_is_tighter == (self.fit == Fit::Inside) { by_width(width) } else { by_height(height) }
            }
        };
        let output = match (self.fit, width, height) {
            (Fit::Cover, Some(width), Some(height)) => {
                Size { width: width.min(scaled.width), height: height.min(scaled.height) }
            }
            _ => scaled,
        };
        Target { scaled, output }
    }
}

/// `side * to / from`, rounded half up, at least 1.
fn scale(side: u32, to: u32, from: u32) -> u32 {
    let (side, to, from) = (u64::from(side), u64::from(to), u64::from(from.max(1)));
    u32::try_from((2 * side * to + from) / (2 * from)).unwrap_or(u32::MAX).max(1)
}

/// Whether a file of this format can hold this size.
pub fn fits(size: Size, format: Format) -> bool {
    size.longest() <= format.max_side()
}
