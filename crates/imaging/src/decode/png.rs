//! PNG: every depth and colour type to 8 bit RGB or RGBA. Text chunks are not even inflated.

use std::io::Cursor;

use picture::Size;
use png::{ColorType, DecodeOptions, Decoder, Limits as PngLimits, Transformations};

use crate::{Error, Limits, Raster, Result, colour};

pub fn decode(source: &[u8], stored: Size, limits: &Limits) -> Result<Raster> {
    let mut options = DecodeOptions::default();
    options.set_ignore_text_chunk(true);
    options.set_ignore_adler32(false);
    let mut decoder = Decoder::new_with_options(Cursor::new(source), options);
    decoder.set_limits(PngLimits { bytes: usize::try_from(limits.max_bytes).unwrap_or(usize::MAX) });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(Error::broken)?;
    let info = reader.info();
    if (info.width, info.height) != (stored.width, stored.height) {
        return Err(Error::broken("it names two sizes"));
    }
    let is_grey = matches!(info.color_type, ColorType::Grayscale | ColorType::GrayscaleAlpha);
    let profile = info.icc_profile.as_deref().map(<[u8]>::to_vec);
    let mut pixels = vec![0; reader.output_buffer_size().ok_or_else(|| Error::broken("too large"))?];
    let frame = reader.next_frame(&mut pixels).map_err(Error::broken)?;
    reader.finish().map_err(Error::broken)?;
    let (colour, alpha) = match frame.color_type {
        ColorType::Grayscale => (1, false),
        ColorType::GrayscaleAlpha => (1, true),
        ColorType::Rgb => (3, false),
        ColorType::Rgba => (3, true),
        ColorType::Indexed => return Err(Error::broken("a palette was not expanded")),
    };
    if colour == 1 {
        pixels = if alpha {
            spread(&pixels, |&[grey, alpha]| [grey, grey, grey, alpha])
        } else {
            spread(&pixels, |&[grey]| [grey; 3])
        };
    }
    let mut raster =
        Raster::from_pixels(stored, alpha, pixels).ok_or_else(|| Error::broken("wrong number of pixels"))?;
    if let Some(profile) = profile {
        colour::to_srgb(&mut raster, &profile, is_grey);
    }
    Ok(raster)
}

fn spread<const FROM: usize, const TO: usize>(pixels: &[u8], pixel: impl Fn(&[u8; FROM]) -> [u8; TO]) -> Vec<u8> {
    pixels.as_chunks::<FROM>().0.iter().flat_map(pixel).collect()
}
