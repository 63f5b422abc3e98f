//! The operations of a chain, and their one JSON form.

use serde_json::{Value, json};

use crate::Format;

/// One step of a chain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operation {
    /// Keeps a part.
    Crop(Crop),
    /// Changes the size.
    Resize(Resize),
    /// out = in + amount · (in − blur(in, sigma)).
    Sharpen {
        /// Standard deviation of the blur in pixels, 0.5–10.
        sigma: f64,
        /// Strength, 0–5.
        amount: f64,
    },
    /// Gaussian blur.
    Blur {
        /// Standard deviation in pixels, 0.3–100.
        sigma: f64,
    },
    /// Turns clockwise.
    Rotate(Quarter),
    /// Mirrors.
    Flip(Axis),
    /// BT.709 luma.
    Grayscale,
    /// Output format; the last one of a chain counts.
    Format {
        /// JPEG, PNG, WebP or AVIF.
        format: Format,
        /// 1–100; the format's default where absent, ignored for PNG.
        quality: Option<u8>,
    },
}

/// A part of a picture, in pixels of the picture as it is at that point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crop {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
    /// Where.
    pub place: Place,
}

/// Where a crop lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Its upper left corner.
    At {
        /// Pixels from the left.
        x: u32,
        /// Pixels from the top.
        y: u32,
    },
    /// At a side, a corner, the centre.
    Gravity(Gravity),
    /// The window with most detail.
    Attention,
}

/// A point of the picture that a crop is drawn to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Gravity {
    Center,
    North,
    NorthEast,
    East,
    SouthEast,
    South,
    SouthWest,
    West,
    NorthWest,
}

impl Gravity {
    /// All, with their public words.
    pub const WORDS: [(&'static str, Self); 9] = [
        ("center", Self::Center),
        ("north", Self::North),
        ("north-east", Self::NorthEast),
        ("east", Self::East),
        ("south-east", Self::SouthEast),
        ("south", Self::South),
        ("south-west", Self::SouthWest),
        ("west", Self::West),
        ("north-west", Self::NorthWest),
    ];
}

/// A change of size. At least one side is given, both for cover and fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resize {
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    /// How the sides are meant.
    pub fit: Fit,
    /// Whether a side may become longer than the source's.
    pub enlarge: bool,
}

/// How the sides of a resize are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The proportions stay, neither side is exceeded.
    Inside,
    /// The proportions stay, both sides are filled, the middle is kept.
    Cover,
    /// Both sides exactly, the proportions give way.
    Fill,
}

impl Fit {
    /// All, with their public words.
    pub const WORDS: [(&'static str, Self); 3] =
        [("inside", Self::Inside), ("cover", Self::Cover), ("fill", Self::Fill)];
}

/// A turn clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quarter {
    /// 90°.
    Once,
    /// 180°.
    Twice,
    /// 270°.
    Thrice,
}

impl Quarter {
    /// Degrees clockwise.
    pub const fn degrees(self) -> u32 {
        match self {
            Self::Once => 90,
            Self::Twice => 180,
            Self::Thrice => 270,
        }
    }
}

/// What a flip exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Left and right.
    Horizontal,
    /// Top and bottom.
    Vertical,
}

impl Axis {
    /// All, with their public words.
    pub const WORDS: [(&'static str, Self); 2] = [("horizontal", Self::Horizontal), ("vertical", Self::Vertical)];
}

impl Operation {
    /// The canonical JSON: every field that has a value, in one order.
    pub fn to_json(&self) -> Value {
        match *self {
            Self::Crop(Crop { width, height, place: Place::At { x, y } }) => {
                json!({"op": "crop", "x": x, "y": y, "width": width, "height": height})
            }
            Self::Crop(Crop { width, height, place: Place::Gravity(gravity) }) => {
                json!({"op": "crop", "width": width, "height": height, "gravity": word(&Gravity::WORDS, gravity)})
            }
            Self::Crop(Crop { width, height, place: Place::Attention }) => {
                json!({"op": "crop", "width": width, "height": height, "gravity": "attention"})
            }
            Self::Resize(Resize { width, height, fit, enlarge }) => {
                let mut object = json!({"op": "resize"});
                if let Some(width) = width {
                    object["width"] = width.into();
                }
                if let Some(height) = height {
                    object["height"] = height.into();
                }
                object["fit"] = word(&Fit::WORDS, fit).into();
                object["enlarge"] = enlarge.into();
                object
            }
            Self::Sharpen { sigma, amount } => json!({"op": "sharpen", "sigma": sigma, "amount": amount}),
            Self::Blur { sigma } => json!({"op": "blur", "sigma": sigma}),
            Self::Rotate(quarter) => json!({"op": "rotate", "degrees": quarter.degrees()}),
            Self::Flip(axis) => json!({"op": "flip", "axis": word(&Axis::WORDS, axis)}),
            Self::Grayscale => json!({"op": "grayscale"}),
            Self::Format { format, quality: None } => json!({"op": "format", "format": format.as_str()}),
            Self::Format { format, quality: Some(quality) } => {
                json!({"op": "format", "format": format.as_str(), "quality": quality})
            }
        }
    }
}

/// The public word of a value.
fn word<T: Copy + PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, other)| *other == value).map_or("", |(word, _)| word)
}
