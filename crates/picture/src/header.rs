//! Reads a picture's header from its first bytes, as they arrive: format, upright size, orientation.
//!
//! [`Prober`] keeps only what it must look at again (one EXIF block of 64 KiB at most) and skips the rest, so an upload
//! can be streamed past it. It never panics, whatever the bytes, and reads nothing that is compressed.

mod exif;
mod gif;
mod jpeg;
mod png;
mod webp;

use model::error::{Code, Error, FieldError};

use crate::{Format, MAX_PIXELS, Size};

/// How a stored picture must be turned to be upright: EXIF's values 1 to 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Orientation(u8);

impl Orientation {
    /// Stored upright.
    pub const UPRIGHT: Self = Self(1);

    /// An EXIF value; what is not in 1..=8 counts as upright.
    pub const fn from_exif(value: u16) -> Self {
        match value {
            2..=8 => Self(value.to_le_bytes()[0]),
            _ => Self::UPRIGHT,
        }
    }

    /// The EXIF value, 1 to 8.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Whether width and height change places.
    pub const fn swaps_sides(self) -> bool {
        self.0 >= 5
    }

    /// Turns a stored size upright, or back.
    #[must_use]
    pub const fn apply(self, size: Size) -> Size {
        if self.swaps_sides() { Size { width: size.height, height: size.width } } else { size }
    }
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Format, by content, whatever the name or media type said.
    pub format: Format,
    /// Upright size in pixels.
    pub size: Size,
    /// How the stored pixels must be turned.
    pub orientation: Orientation,
}

impl Header {
    /// The size as stored in the file, before it is turned.
    pub const fn stored_size(&self) -> Size {
        self.orientation.apply(self.size)
    }
}

/// What the bytes seen so far say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Not enough bytes yet.
    NeedMore,
    /// A picture that may be taken.
    Header(Header),
    /// None of the formats.
    NotAPicture,
    /// One of the formats, but broken or of a kind that is not taken; says why.
    BadHeader(&'static str),
    /// More than [`MAX_PIXELS`]; stored size.
    TooManyPixels(Size),
}

impl Probe {
    /// The header; `None` while more is needed.
    ///
    /// # Errors
    /// `UNSUPPORTED_PICTURE`, `TOO_MANY_PIXELS`, or `INVALID_INPUT` at `/file`.
    pub fn admit(self) -> model::error::Result<Option<Header>> {
        match self {
            Self::NeedMore => Ok(None),
            Self::Header(header) => Ok(Some(header)),
            Self::NotAPicture => {
                Err(Error::new(Code::UnsupportedPicture, "The file is not a picture. Send a JPEG, PNG, WebP or GIF."))
            }
            Self::BadHeader(reason) => {
                Err(Error::invalid(vec![FieldError::at("/file", format!("The picture's header is broken: {reason}."))]))
            }
            Self::TooManyPixels(size) => Err(Error::new(
                Code::TooManyPixels,
                format!(
                    "The picture has {} x {} pixels. Send one of at most {} megapixels.",
                    size.width,
                    size.height,
                    MAX_PIXELS / 1_000_000
                ),
            )),
        }
    }
}

/// What a parser wants next. `Skip` may reach past the bytes that are there.
enum Step {
    Need(usize),
    Skip(u64),
    Done(Orientation),
    Bad(&'static str),
}

enum Parser {
    Unknown,
    Jpeg(jpeg::Jpeg),
    Png(png::Png),
    Webp(webp::Webp),
    Gif(gif::Gif),
}

impl Parser {
    fn step(&mut self, data: &[u8]) -> Step {
        match self {
            Self::Unknown => Step::Need(12),
            Self::Jpeg(jpeg) => jpeg.step(data),
            Self::Png(png) => png.step(data),
            Self::Webp(webp) => webp.step(data),
            Self::Gif(gif) => gif.step(data),
        }
    }

    fn format_and_size(&self) -> Option<(Format, Size)> {
        let (format, size) = match self {
            Self::Unknown => return None,
            Self::Jpeg(jpeg) => (Format::Jpeg, jpeg.size),
            Self::Png(png) => (Format::Png, png.size),
            Self::Webp(webp) => (Format::Webp, webp.size),
            Self::Gif(gif) => (Format::Gif, gif.size),
        };
        size.map(|size| (format, size))
    }

    /// The parser for what begins like this; `None` where nothing does. Still unknown while too little is there.
    fn recognise(data: &[u8]) -> Option<Self> {
        const JPEG: &[u8] = b"\xff\xd8\xff";
        const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
        let may_become =
            |signature: &[u8]| signature.starts_with(data.get(..signature.len().min(data.len())).unwrap_or(data));
        if data.starts_with(JPEG) {
            Some(Self::Jpeg(jpeg::Jpeg::default()))
        } else if data.starts_with(PNG) {
            Some(Self::Png(png::Png::default()))
        } else if data.starts_with(b"GIF87a") || data.starts_with(b"GIF89a") {
            Some(Self::Gif(gif::Gif::default()))
        } else if data.starts_with(b"RIFF") && data.get(8..12) == Some(b"WEBP") {
            Some(Self::Webp(webp::Webp::default()))
        } else if [JPEG, PNG, b"GIF87a", b"GIF89a", b"RIFF"].into_iter().any(may_become) && data.len() < 12 {
            Some(Self::Unknown)
        } else {
            None
        }
    }
}

/// Reads a header from chunks as they arrive.
pub struct Prober {
    parser: Parser,
    kept: Vec<u8>,
    skip: u64,
    outcome: Probe,
}

impl Default for Prober {
    fn default() -> Self {
        Self { parser: Parser::Unknown, kept: Vec::new(), skip: 0, outcome: Probe::NeedMore }
    }
}

impl Prober {
    /// Takes the next bytes of the file and says what is known. Once it is not `NeedMore`, it stays what it is.
    pub fn push(&mut self, chunk: &[u8]) -> Probe {
        if self.outcome != Probe::NeedMore {
            return self.outcome;
        }
        let jump = usize::try_from(self.skip).unwrap_or(usize::MAX).min(chunk.len());
        self.skip -= jump as u64;
        if self.skip > 0 {
            return Probe::NeedMore;
        }
        self.kept.extend_from_slice(chunk.get(jump..).unwrap_or_default());
        let mut at = 0;
        self.outcome = self.advance(&mut at);
        self.kept.drain(..at.min(self.kept.len()));
        if self.outcome != Probe::NeedMore {
            self.kept = Vec::new();
        }
        self.outcome
    }

    /// The file ends here: what still needed more is broken, or no picture.
    pub fn finish(&mut self) -> Probe {
        if self.outcome == Probe::NeedMore {
            self.outcome = match self.parser {
                Parser::Unknown => Probe::NotAPicture,
                _ => Probe::BadHeader("the file ends inside it"),
            };
        }
        self.outcome
    }

    fn advance(&mut self, at: &mut usize) -> Probe {
        loop {
            let data = self.kept.get(*at..).unwrap_or_default();
            if matches!(self.parser, Parser::Unknown) {
                match Parser::recognise(data) {
                    Some(Parser::Unknown) => return Probe::NeedMore,
                    Some(parser) => self.parser = parser,
                    None => return Probe::NotAPicture,
                }
            }
            let step = self.parser.step(data);
            if let Some((_, size)) = self.parser.format_and_size()
                && size.pixels() > MAX_PIXELS
            {
                return Probe::TooManyPixels(size);
            }
            match step {
                Step::Need(bytes) => {
                    debug_assert!(bytes > data.len(), "a parser that has its bytes must go on");
                    return Probe::NeedMore;
                }
                Step::Skip(bytes) => {
                    let jump = usize::try_from(bytes).unwrap_or(usize::MAX).min(data.len());
                    *at += jump;
                    self.skip = bytes - jump as u64;
                    if self.skip > 0 {
                        return Probe::NeedMore;
                    }
                }
                Step::Bad(reason) => return Probe::BadHeader(reason),
                Step::Done(orientation) => {
                    return match self.parser.format_and_size() {
                        Some((format, size)) => {
                            Probe::Header(Header { format, size: orientation.apply(size), orientation })
                        }
                        None => Probe::BadHeader("it names no size"),
                    };
                }
            }
        }
    }
}

/// What the first bytes of a file say.
pub fn probe(prefix: &[u8]) -> Probe {
    Prober::default().push(prefix)
}

/// What a whole file's header says: never `NeedMore`.
pub fn probe_whole(file: &[u8]) -> Probe {
    let mut prober = Prober::default();
    prober.push(file);
    prober.finish()
}

/// `N` bytes at an offset.
fn bytes<const N: usize>(data: &[u8], offset: usize) -> Option<[u8; N]> {
    data.get(offset..offset.checked_add(N)?)?.try_into().ok()
}
