//! Files to pixels: upright, in sRGB, whole or not at all.

mod gif;
mod jpeg;
mod png;
mod webp;

use picture::{Format, Header, Size};

use crate::resize::Frame;
use crate::{Error, Limits, Raster, Result};

/// A decoded picture. Scaled by the decoder, its last row and column may stand for less than a whole pixel: `frame` says
/// where in the raster the picture of `size` pixels lies.
pub struct Base {
    /// The pixels.
    pub raster: Raster,
    /// The upright size of the whole picture.
    pub size: Size,
    /// Where it lies in the raster.
    pub frame: Frame,
}

/// Decodes at 1 / `denominator` (1 unless the format is JPEG).
pub fn upright(source: &[u8], header: &Header, denominator: u32, limits: &Limits) -> Result<Base> {
    let stored = header.stored_size();
    let scaled = Size { width: stored.width.div_ceil(denominator), height: stored.height.div_ceil(denominator) };
    // two rasters at most: what a codec gives and what it is converted or turned into
    limits.check_bytes(scaled.pixels() * 8)?;
    let raster = match header.format {
        Format::Jpeg => jpeg::decode(source, stored, denominator, limits)?,
        Format::Png => png::decode(source, stored, limits)?,
        Format::Webp => webp::decode(source, stored, limits)?,
        Format::Gif => gif::decode(source, stored)?,
        Format::Avif => return Err(Error::broken("AVIF is no source")),
    };
    if raster.size() != scaled {
        return Err(Error::broken(format!("{:?} where the header says {scaled:?}", raster.size())));
    }
    let side = |whole: u32| f64::from(whole) / f64::from(denominator);
    let frame = Frame { left: 0.0, top: 0.0, width: side(stored.width), height: side(stored.height) };
    Ok(Base {
        frame: frame.upright(scaled, header.orientation),
        raster: raster.upright(header.orientation),
        size: header.size,
    })
}
