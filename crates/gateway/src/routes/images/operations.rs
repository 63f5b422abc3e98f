//! The operations of a chain as the document shows them. They are read and checked by the `picture` crate.

use utoipa::ToSchema;

/// One step of a chain, run on the upright picture.
#[derive(ToSchema)]
#[serde(tag = "op", rename_all = "lowercase")]
#[schema(as = Operation)]
pub enum OperationInput {
    /// Cuts a part out: at x and y, or by gravity.
    Crop {
        /// Pixels from the left.
        #[schema(nullable = false)]
        x: Option<u32>,
        /// Pixels from the top.
        #[schema(nullable = false)]
        y: Option<u32>,
        /// Pixels.
        #[schema(minimum = 1)]
        width: u32,
        /// Pixels.
        #[schema(minimum = 1)]
        height: u32,
        /// Where, if not at x and y; attention is the window with most detail.
        #[schema(inline, nullable = false)]
        gravity: Option<GravityInput>,
    },
    /// Makes it smaller, or larger with `enlarge`; cover and fill need both sides.
    Resize {
        /// Pixels.
        #[schema(minimum = 1, nullable = false)]
        width: Option<u32>,
        /// Pixels.
        #[schema(minimum = 1, nullable = false)]
        height: Option<u32>,
        /// `inside` by default.
        #[schema(inline, nullable = false)]
        fit: Option<FitInput>,
        /// False by default.
        #[schema(nullable = false)]
        enlarge: Option<bool>,
    },
    /// out = in + amount · (in − blur(in, sigma)).
    Sharpen {
        /// Pixels.
        #[schema(minimum = 0.5, maximum = 10)]
        sigma: f64,
        /// How much.
        #[schema(minimum = 0, maximum = 5)]
        amount: f64,
    },
    /// Gaussian.
    Blur {
        /// Pixels.
        #[schema(minimum = 0.3, maximum = 100)]
        sigma: f64,
    },
    /// Clockwise.
    Rotate {
        /// 90, 180 or 270.
        #[schema(minimum = 90, maximum = 270, multiple_of = 90)]
        degrees: u32,
    },
    /// Mirrors; horizontal mirrors left and right.
    Flip {
        /// Which way.
        #[schema(inline)]
        axis: AxisInput,
    },
    /// BT.709 luma.
    Grayscale,
    /// What the output is written as; the last one counts.
    Format {
        /// The format.
        #[schema(inline)]
        format: FormatInput,
        /// 82 for JPEG, 80 for WebP, 55 for AVIF by default; none for PNG.
        #[schema(minimum = 1, maximum = 100, nullable = false)]
        quality: Option<u8>,
    },
}

/// Where a crop is taken.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the schema of the document; the words say it")]
pub enum GravityInput {
    Center,
    North,
    NorthEast,
    East,
    SouthEast,
    South,
    SouthWest,
    West,
    NorthWest,
    Attention,
}

/// How a picture is fitted into the sides given.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the schema of the document; the words say it")]
pub enum FitInput {
    Inside,
    Cover,
    Fill,
}

/// Which way a picture is mirrored.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the schema of the document; the words say it")]
pub enum AxisInput {
    Horizontal,
    Vertical,
}

/// What outputs are written as.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the schema of the document; the words say it")]
pub enum FormatInput {
    Jpeg,
    Png,
    Webp,
    Avif,
}
