//! WebP, lossy and lossless; of an animation the first frame on its canvas.

use std::io::Cursor;

use image_webp::WebPDecoder;
use picture::Size;

use crate::{Error, Limits, Raster, Result, colour};

pub fn decode(source: &[u8], stored: Size, limits: &Limits) -> Result<Raster> {
    // the decoder forgives a tail that is missing
    let named = source.get(4..8).and_then(|raw| raw.try_into().ok()).map_or(0, u32::from_le_bytes);
    if u64::from(named) + 8 > source.len() as u64 {
        return Err(Error::broken("it is shorter than it says"));
    }
    let mut decoder = WebPDecoder::new(Cursor::new(source)).map_err(Error::broken)?;
    decoder.set_memory_limit(usize::try_from(limits.max_bytes).unwrap_or(usize::MAX));
    if decoder.dimensions() != (stored.width, stored.height) {
        return Err(Error::broken("it names two sizes"));
    }
    let alpha = decoder.has_alpha();
    if decoder.is_animated() {
        decoder.set_background_color([0; 4]).map_err(Error::broken)?;
    }
    let mut pixels = vec![0; decoder.output_buffer_size().ok_or_else(|| Error::broken("too large"))?];
    decoder.read_image(&mut pixels).map_err(Error::broken)?;
    let mut raster =
        Raster::from_pixels(stored, alpha, pixels).ok_or_else(|| Error::broken("wrong number of pixels"))?;
    // a broken profile is no reason to refuse sound pixels
    if let Ok(Some(profile)) = decoder.icc_profile() {
        colour::to_srgb(&mut raster, &profile, false);
    }
    Ok(raster)
}
