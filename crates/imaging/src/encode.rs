//! Pixels to files, without metadata. sRGB is what a file without a profile means.

use std::borrow::Cow;

use picture::Format;
use ravif::{BitDepth, Img};
use rgb::FromSlice;
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

use crate::{Error, Raster, Result};

/// Up to this many pixels JPEG's Huffman tables are made for the picture: some percent smaller, but all coefficients are
/// kept meanwhile.
const OPTIMIZED_PIXELS: u64 = 4_000_000;

/// Writes a picture. `quality` is 1–100.
pub fn encode(raster: &Raster, format: Format, quality: u8) -> Result<Vec<u8>> {
    let raster = settle_alpha(raster, format);
    match format {
        Format::Jpeg => jpeg(&raster, quality),
        Format::Png | Format::Gif => png(&raster),
        Format::Webp => webp(&raster, quality),
        Format::Avif => avif(&raster, quality),
    }
}

/// On white where the format has no alpha; without alpha where nothing is transparent.
fn settle_alpha(raster: &Raster, format: Format) -> Cow<'_, Raster> {
    if !raster.has_alpha() {
        Cow::Borrowed(raster)
    } else if format.has_alpha() {
        let opaque = raster.pixels().as_chunks::<4>().0.iter().all(|pixel| pixel[3] == 255);
        if opaque { Cow::Owned(raster.on_white()) } else { Cow::Borrowed(raster) }
    } else {
        Cow::Owned(raster.on_white())
    }
}

fn jpeg(raster: &Raster, quality: u8) -> Result<Vec<u8>> {
    let mut compressor = Compressor::new().map_err(failed)?;
    compressor.set_quality(quality.into()).map_err(failed)?;
    compressor.set_subsamp(Subsamp::Sub2x2).map_err(failed)?;
    compressor.set_optimize(raster.size().pixels() <= OPTIMIZED_PIXELS).map_err(failed)?;
    let image = Image {
        pixels: raster.pixels(),
        width: raster.size().width as usize,
        pitch: raster.stride(),
        height: raster.size().height as usize,
        format: PixelFormat::RGB,
    };
    compressor.compress_to_vec(image).map_err(failed)
}

fn png(raster: &Raster) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, raster.size().width, raster.size().height);
    encoder.set_color(if raster.has_alpha() { png::ColorType::Rgba } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(raster.pixels()).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}

fn webp(raster: &Raster, quality: u8) -> Result<Vec<u8>> {
    let layout = if raster.has_alpha() { webp::PixelLayout::Rgba } else { webp::PixelLayout::Rgb };
    let encoder = webp::Encoder::new(raster.pixels(), layout, raster.size().width, raster.size().height);
    let file = encoder.encode_simple(false, quality.into()).map_err(|error| failed(format!("{error:?}")))?;
    Ok(file.to_vec())
}

fn avif(raster: &Raster, quality: u8) -> Result<Vec<u8>> {
    let (width, height) = (raster.size().width as usize, raster.size().height as usize);
    let encoder = ravif::Encoder::new()
        .with_quality(quality.into())
        .with_alpha_quality(quality.into())
        .with_bit_depth(BitDepth::Eight)
        .with_speed(avif_speed(raster.size().pixels()))
        .with_num_threads(Some(1));
    let file = if raster.has_alpha() {
        encoder.encode_rgba(Img::new(raster.pixels().as_rgba(), width, height))
    } else {
        encoder.encode_rgb(Img::new(raster.pixels().as_rgb(), width, height))
    };
    Ok(file.map_err(failed)?.avif_file)
}

/// AV1 is slow: the larger the picture, the less is tried.
fn avif_speed(pixels: u64) -> u8 {
    match pixels {
        0..=500_000 => 7,
        500_001..=2_000_000 => 8,
        2_000_001..=6_000_000 => 9,
        _ => 10,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err calls it")]
fn failed(error: impl ToString) -> Error {
    Error::Encoding(error.to_string())
}
