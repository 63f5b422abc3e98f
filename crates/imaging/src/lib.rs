//! The picture pipeline: one decode, then each variant's operations and its encoding.
//!
//! Pixels are 8 bit RGB or RGBA in stored sRGB values. A JPEG is decoded at 1/2, 1/4 or 1/8 where every variant shrinks
//! it enough. CPU-bound and blocking: call it on a thread of its own. It owns no state and reads no settings.

mod attention;
mod blur;
mod chain;
mod colour;
mod decode;
mod encode;
mod error;
mod plan;
mod raster;
mod resize;

use std::panic::{AssertUnwindSafe, catch_unwind};

use picture::{Format, Header, Request, Variant};

pub use error::{Error, Result};
pub use raster::Raster;

/// What one call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels of a source.
    pub max_pixels: u64,
    /// Most memory for pixels, in bytes, as estimated before it is taken.
    pub max_bytes: u64,
}

impl Default for Limits {
    /// 50 megapixels and 1 GiB, which is enough for any chain over them.
    fn default() -> Self {
        Self { max_pixels: picture::MAX_PIXELS, max_bytes: 1 << 30 }
    }
}

impl Limits {
    fn check_bytes(&self, bytes: u64) -> Result<()> {
        if bytes > self.max_bytes { Err(Error::Memory { needed: bytes }) } else { Ok(()) }
    }
}

/// One finished picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The variant's name.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Format of `bytes`.
    pub format: Format,
    /// The file, without metadata.
    pub bytes: Vec<u8>,
}

/// Decodes a picture once and makes every variant of the request, in its order.
///
/// # Errors
/// [`Error::Refused`] for what could have been known from the header, [`Error::Broken`] for data that is cut off or
/// damaged (never half a picture), [`Error::Memory`] beyond the limits, [`Error::Encoding`] where an encoder gave up.
pub fn transform(source: &[u8], request: &Request, limits: &Limits) -> Result<Vec<Output>> {
    let header = admit(source, limits)?;
    let planned = request.follow(header.size, header.format)?;
    guarded(|| {
        let denominator = plan::denominator(&header, request);
        let base = decode::upright(source, &header, denominator, limits)?;
        let (last, others) = planned.split_last().ok_or_else(|| Error::Encoding("no variant".to_owned()))?;
        let mut made = Vec::with_capacity(planned.len());
        for (variant, expected) in request.variants.iter().zip(others) {
            let raster = chain::run(&base, &variant.operations, limits)?;
            made.push(finish(&raster, variant, expected, header.format)?);
        }
        if let Some(variant) = request.variants.last() {
            let raster = chain::run(base, &variant.operations, limits)?;
            made.push(finish(&raster, variant, last, header.format)?);
        }
        Ok(made)
    })
}

fn finish(raster: &Raster, variant: &Variant, expected: &picture::Output, source: Format) -> Result<Output> {
    if raster.size() != expected.size {
        return Err(Error::Encoding(format!("{:?} instead of {:?}", raster.size(), expected.size)));
    }
    let bytes = encode::encode(raster, expected.format, variant.quality(source))?;
    let (width, height) = (expected.size.width, expected.size.height);
    Ok(Output { name: expected.name.clone(), width, height, format: expected.format, bytes })
}

/// Decodes a whole picture, upright and in sRGB: what tests and tools compare with.
///
/// # Errors
/// As [`transform`].
pub fn decode(source: &[u8], limits: &Limits) -> Result<Raster> {
    let header = admit(source, limits)?;
    guarded(|| Ok(decode::upright(source, &header, 1, limits)?.raster))
}

fn admit(source: &[u8], limits: &Limits) -> Result<Header> {
    let Some(header) = picture::header::probe_whole(source).admit()? else {
        return Err(Error::broken("the header never ends"));
    };
    if header.size.pixels() > limits.max_pixels {
        return Err(picture::Probe::TooManyPixels(header.size)
            .admit()
            .err()
            .map_or(Error::broken("limit"), Error::Refused));
    }
    Ok(header)
}

/// The codecs in Rust index their buffers; a fault in one of them on hostile bytes must fail the picture, not the process.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Error::broken("a codec panicked")))
}
