//! Keys: image id, content hash, extension. No byte of a user's choosing is in one, so none can be a path trick.

use std::fmt;

use model::ImageId;
use object_store::path::Path;

/// The first 16 bytes of the BLAKE3 hash of an object's bytes.
///
/// It tells contents of one image apart, and nothing is shared between images, so 128 bits are plenty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash([u8; 16]);

impl ContentHash {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_full(&blake3::hash(bytes))
    }

    pub(crate) fn from_full(hash: &blake3::Hash) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&hash.as_bytes()[..16]);
        Self(short)
    }

    fn parse(text: &str) -> Option<Self> {
        // An image id has the same shape: 32 lower-case hexadecimal digits.
        let digits = ImageId::parse(text)?;
        u128::from_str_radix(digits.as_str(), 16).ok().map(|number| Self(number.to_be_bytes()))
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// What an object is for; the first part of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// What was uploaded; never served.
    Source,
    /// What a worker made of it; served as it is.
    Media,
}

impl Class {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Source, Self::Media];

    /// `sources` or `media`.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Source => "sources",
            Self::Media => "media",
        }
    }
}

/// Formats of derived pictures: the word, the extension, the content type.
const FORMATS: [(&str, &str, &str); 4] = [
    ("jpeg", "jpg", "image/jpeg"),
    ("png", "png", "image/png"),
    ("webp", "webp", "image/webp"),
    ("avif", "avif", "image/avif"),
];

/// The key of an object.
///
/// Its name (`{image}-{hash}`, and `.{ext}` for derived pictures) is what rows and URLs hold; `Display` puts the class before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    image: ImageId,
    hash: ContentHash,
    /// Index into `FORMATS`; none for a source.
    format: Option<usize>,
}

impl Key {
    /// The key of an upload.
    pub const fn source(image: ImageId, hash: ContentHash) -> Self {
        Self { image, hash, format: None }
    }

    /// The key of a derived picture; none where `format` is not `jpeg`, `png`, `webp` or `avif`.
    pub fn media(image: ImageId, hash: ContentHash, format: &str) -> Option<Self> {
        let format = FORMATS.iter().position(|(word, ..)| *word == format)?;
        Some(Self { image, hash, format: Some(format) })
    }

    /// Reads a name below `sources/`.
    pub fn parse_source(name: &str) -> Option<Self> {
        let (image, hash) = parse_stem(name)?;
        Some(Self::source(image, hash))
    }

    /// Reads a name below `media/`.
    pub fn parse_media(name: &str) -> Option<Self> {
        let (stem, extension) = name.split_once('.')?;
        let (image, hash) = parse_stem(stem)?;
        let format = FORMATS.iter().position(|(_, ext, _)| *ext == extension)?;
        Some(Self { image, hash, format: Some(format) })
    }

    pub(crate) fn parse(class: Class, name: &str) -> Option<Self> {
        match class {
            Class::Source => Self::parse_source(name),
            Class::Media => Self::parse_media(name),
        }
    }

    /// What the object is for.
    pub const fn class(&self) -> Class {
        if self.format.is_some() { Class::Media } else { Class::Source }
    }

    /// Whose object it is.
    pub const fn image(&self) -> &ImageId {
        &self.image
    }

    /// The content's hash; a strong validator.
    pub const fn hash(&self) -> ContentHash {
        self.hash
    }

    /// The name without its class: what `Source.key` and `Variant.key` hold.
    pub fn name(&self) -> String {
        match self.format {
            Some(format) => format!("{}-{}.{}", self.image, self.hash, FORMATS[format].1),
            None => format!("{}-{}", self.image, self.hash),
        }
    }

    /// The content type to serve it with; `application/octet-stream` for a source.
    pub fn content_type(&self) -> &'static str {
        self.format.map_or("application/octet-stream", |format| FORMATS[format].2)
    }

    /// Where the engine holds it.
    pub(crate) fn location(&self) -> Path {
        folder(self.class(), &self.image).join(self.name())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.class().folder(), self.name())
    }
}

/// The folder of an image's objects: 256 a class, by the id's last two digits, which are random. One image's objects can be
/// listed, and no directory grows with the whole.
pub(crate) fn folder(class: Class, image: &ImageId) -> Path {
    let digits = image.as_str();
    Path::from(class.folder()).join(&digits[digits.len() - 2..])
}

fn parse_stem(stem: &str) -> Option<(ImageId, ContentHash)> {
    let (image, hash) = stem.split_once('-')?;
    Some((ImageId::parse(image)?, ContentHash::parse(hash)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn image() -> ImageId {
        ImageId::parse("0190a1b2c3d4e5f60718293a4b5c6d7e").unwrap()
    }

    #[test]
    fn a_key_survives_the_round_trip() {
        let media = Key::media(image(), ContentHash::of(b"x"), "jpeg").unwrap();
        assert_eq!(Key::parse_media(&media.name()), Some(media.clone()));
        assert_eq!(media.content_type(), "image/jpeg");
        assert_eq!(media.location().as_ref(), format!("media/7e/{}", media.name()));
        let source = Key::source(image(), ContentHash::of(b"x"));
        assert_eq!(Key::parse_source(&source.name()), Some(source.clone()));
        assert_eq!(source.to_string(), format!("sources/{}", source.name()));
    }

    #[test]
    fn what_is_no_name_is_no_key() {
        let good = Key::media(image(), ContentHash::of(b"x"), "png").unwrap().name();
        let stem = good.trim_end_matches(".png");
        for wrong in [
            "",
            ".",
            "..",
            "../../etc/passwd",
            "/etc/passwd",
            "%2e%2e%2f",
            stem,
            &format!("{stem}.svg"),
            &format!("{stem}.png#1"),
            &format!("{stem}.png/"),
            &format!("a/{good}"),
            &good.to_uppercase(),
            &format!("{good}\0"),
            &format!("{stem}.png.png"),
        ] {
            assert_eq!(Key::parse_media(wrong), None, "{wrong:?}");
        }
        assert_eq!(Key::parse_source(&good), None);
        assert_eq!(Key::media(image(), ContentHash::of(b"x"), "gif"), None);
    }

    proptest! {
        #[test]
        fn a_name_that_is_read_is_the_name_that_is_written(name in "\\PC*") {
            if let Some(key) = Key::parse_media(&name) {
                prop_assert_eq!(key.name(), name);
            }
        }
    }
}
