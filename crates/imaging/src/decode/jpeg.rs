//! JPEG by libjpeg-turbo. It goes on after damage and only warns; the wrapper makes every warning an error, which is what
//! is wanted here.

use picture::Size;
use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat, ScalingFactor};

use crate::{Error, Limits, Raster, Result, colour};

/// Scans that a progressive JPEG may have; encoders write about ten, attackers thousands.
const MAX_SCANS: u32 = 100;

pub fn decode(source: &[u8], stored: Size, denominator: u32, limits: &Limits) -> Result<Raster> {
    let mut decompressor = Decompressor::new().map_err(Error::broken)?;
    decompressor.set_scan_limit(MAX_SCANS).map_err(Error::broken)?;
    let header = decompressor.read_header(source).map_err(Error::broken)?;
    if (header.width, header.height) != (stored.width as usize, stored.height as usize) {
        return Err(Error::broken("it names two sizes"));
    }
    if header.is_progressive {
        // all coefficients are kept: 2 bytes a sample, three components unsampled or four at worst
        limits.check_bytes(stored.pixels() * 8)?;
    }
    let scaling = ScalingFactor::new(1, denominator as usize);
    decompressor.set_scaling_factor(scaling).map_err(Error::broken)?;
    let (width, height) = (scaling.scale(header.width), scaling.scale(header.height));
    let size = Size { width: stored.width.div_ceil(denominator), height: stored.height.div_ceil(denominator) };

    let is_cmyk = matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    let format = if is_cmyk { PixelFormat::CMYK } else { PixelFormat::RGB };
    let pitch = width * format.size();
    let mut pixels = vec![0; pitch * height];
    let image = Image { pixels: pixels.as_mut_slice(), width, pitch, height, format };
    decompressor.decompress(source, image).map_err(Error::broken)?;

    let segments = Segments::read(source);
    if is_cmyk {
        return Ok(colour::from_cmyk(size, pixels, segments.adobe, segments.profile.as_deref()));
    }
    let mut raster = Raster::from_pixels(size, false, pixels).ok_or_else(|| Error::broken("wrong number of pixels"))?;
    if let Some(profile) = segments.profile {
        colour::to_srgb(&mut raster, &profile, header.colorspace == Colorspace::Gray);
    }
    Ok(raster)
}

/// What matters of the segments before the data.
#[derive(Default)]
struct Segments {
    /// Whether Adobe wrote it, which means that CMYK is stored inverted.
    adobe: bool,
    /// The ICC profile, put together from its numbered parts.
    profile: Option<Vec<u8>>,
}

impl Segments {
    fn read(source: &[u8]) -> Self {
        const ICC: &[u8] = b"ICC_PROFILE\0";
        let mut found = Self::default();
        let mut parts: Vec<(u8, u8, &[u8])> = Vec::new();
        let mut at = 2;
        while let Some(&[0xff, kind, high, low]) = source.get(at..at + 4) {
            if kind == 0xff {
                at += 1;
                continue;
            }
            if kind == 0xda {
                break;
            }
            let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
            let Some(body) = source.get(at + 4..end) else { break };
            match kind {
                0xee => found.adobe |= body.starts_with(b"Adobe"),
                0xe2 => {
                    if let Some([number, count, data @ ..]) = body.strip_prefix(ICC) {
                        parts.push((*number, *count, data));
                    }
                }
                _ => {}
            }
            at = end;
        }
        parts.sort_by_key(|(number, ..)| *number);
        let complete = parts.first().is_some_and(|(_, count, _)| usize::from(*count) == parts.len())
            && parts.iter().zip(1..).all(|((number, ..), expected)| *number == expected);
        found.profile = complete.then(|| parts.into_iter().flat_map(|(.., data)| data).copied().collect());
        found
    }
}
