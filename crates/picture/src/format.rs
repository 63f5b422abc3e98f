//! The picture formats that Myriad reads and writes.

/// A picture format. Sources are all but AVIF, outputs all but GIF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG: baseline or progressive; grey, colour or CMYK.
    Jpeg,
    /// PNG, also 16 bit.
    Png,
    /// WebP, lossy or lossless.
    Webp,
    /// GIF, of which the first frame counts.
    Gif,
    /// AVIF, an output only.
    Avif,
}

impl Format {
    /// The public word, also the file's extension.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Avif => "avif",
        }
    }

    /// Reads the public word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Jpeg, Self::Png, Self::Webp, Self::Gif, Self::Avif].into_iter().find(|format| format.as_str() == word)
    }

    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
        }
    }

    /// The format that an output has where the request names none: that of the source, PNG for GIF.
    #[must_use]
    pub const fn as_output(self) -> Self {
        match self {
            Self::Gif => Self::Png,
            other => other,
        }
    }

    /// Quality where the request names none, 1–100. PNG has none.
    pub const fn default_quality(self) -> u8 {
        match self {
            Self::Jpeg => 82,
            Self::Webp => 80,
            Self::Avif => 55,
            Self::Png | Self::Gif => 100,
        }
    }

    /// The longest side that a file of this format can have, in pixels (for JPEG: what libjpeg writes).
    pub const fn max_side(self) -> u32 {
        match self {
            Self::Jpeg => 65_500,
            Self::Webp => 16_383,
            Self::Gif | Self::Avif => 65_535,
            Self::Png => i32::MAX.unsigned_abs(),
        }
    }

    /// Whether a picture of this format can be partly transparent.
    pub const fn has_alpha(self) -> bool {
        !matches!(self, Self::Jpeg)
    }
}
