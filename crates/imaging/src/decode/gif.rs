//! GIF: the first frame, laid on its canvas; what it does not cover is transparent.

use std::io::Cursor;
use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, MemoryLimit};
use picture::{MAX_PIXELS, Size};

use crate::{Error, Raster, Result};

pub fn decode(source: &[u8], canvas: Size) -> Result<Raster> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    // a frame may be larger than its canvas; one byte a pixel
    options.set_memory_limit(NonZeroU64::new(MAX_PIXELS).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    let mut decoder = options.read_info(Cursor::new(source)).map_err(Error::broken)?;
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = decoder.read_next_frame().map_err(Error::broken)?.ok_or_else(|| Error::broken("it has no frame"))?;
    let palette = frame.palette.as_ref().or(global.as_ref()).ok_or_else(|| Error::broken("it has no palette"))?;
    let covers = frame.left == 0
        && frame.top == 0
        && u32::from(frame.width) >= canvas.width
        && u32::from(frame.height) >= canvas.height;
    let alpha = frame.transparent.is_some() || !covers;

    let mut raster = Raster::new(canvas, alpha);
    let (stride, channels) = (raster.stride(), raster.channels());
    let left = usize::from(frame.left) * channels;
    let rows = raster.pixels_mut().chunks_exact_mut(stride).skip(usize::from(frame.top));
    for (row, indices) in rows.zip(frame.buffer.chunks_exact(usize::from(frame.width).max(1))) {
        let Some(row) = row.get_mut(left..) else { break };
        for (pixel, &index) in row.chunks_exact_mut(channels).zip(indices) {
            if frame.transparent == Some(index) {
                continue;
            }
            // an index beyond the palette is black, as in browsers
            let colour = palette.get(usize::from(index) * 3..usize::from(index) * 3 + 3).unwrap_or(&[0; 3]);
            pixel[..3].copy_from_slice(colour);
            if let Some(alpha) = pixel.get_mut(3) {
                *alpha = 255;
            }
        }
    }
    Ok(raster)
}
