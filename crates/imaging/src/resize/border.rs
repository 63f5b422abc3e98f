//! The library weighs only the pixels that exist. Where the kernel reaches over an edge, the contract repeats the edge
//! instead: those few outer rows and columns are made again from a copy that is padded so.

use fast_image_resize::Resizer;
use picture::Size;

use super::{Frame, SUPPORT, scale};
use crate::{Raster, Result};

/// One axis: the output pixels that reach over the raster's start or end.
struct Reach {
    ratio: f64,
    start: u32,
    end: u32,
    length: u32,
}

impl Reach {
    fn new(from: f64, part: f64, raster: u32, output: u32) -> Self {
        let ratio = part / f64::from(output);
        let radius = SUPPORT * ratio.max(1.0);
        let reaches = |distance: f64| {
            // the pixels whose centre, 0.5 + n, is nearer to the edge than the kernel's radius
            let count = ((radius - distance) / ratio - 0.5).ceil().max(0.0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; saturates")]
            (count as u32).min(output)
        };
        // an axis that is only copied reaches over nothing
        let copied = from.fract() == 0.0 && (part - f64::from(output)).abs() < f64::EPSILON;
        let (start, end) = if copied { (0, 0) } else { (reaches(from), reaches(f64::from(raster) - from - part)) };
        Self { ratio, start, end, length: output }
    }

    /// The ranges of output pixels to make again.
    fn ranges(&self) -> [(u32, u32); 2] {
        let end = self.length.saturating_sub(self.end).max(self.start);
        [(0, self.start), (end, self.length)]
    }
}

pub fn repeat_edges(resizer: &mut Resizer, raster: &Raster, part: Frame, output: &mut Raster) -> Result<()> {
    let (size, out) = (raster.size(), output.size());
    let across = Reach::new(part.left, part.width, size.width, out.width);
    let down = Reach::new(part.top, part.height, size.height, out.height);
    for (x0, x1) in across.ranges() {
        strip(resizer, raster, part, output, (&across, &down), (x0, x1), (0, out.height))?;
    }
    for (y0, y1) in down.ranges() {
        strip(resizer, raster, part, output, (&across, &down), (0, out.width), (y0, y1))?;
    }
    Ok(())
}

/// Makes the output pixels `xs` × `ys` again.
fn strip(
    resizer: &mut Resizer,
    raster: &Raster,
    part: Frame,
    output: &mut Raster,
    (across, down): (&Reach, &Reach),
    xs: (u32, u32),
    ys: (u32, u32),
) -> Result<()> {
    if xs.0 >= xs.1 || ys.0 >= ys.1 {
        return Ok(());
    }
    let (left, right) = window(part.left, across.ratio, xs);
    let (top, bottom) = window(part.top, down.ratio, ys);
    let padded = padded(raster, (left, right), (top, bottom));
    #[expect(clippy::cast_precision_loss, reason = "pixel counts are far below 2^52")]
    let inner = Frame {
        left: part.left + f64::from(xs.0) * across.ratio - left as f64,
        top: part.top + f64::from(ys.0) * down.ratio - top as f64,
        width: f64::from(xs.1 - xs.0) * across.ratio,
        height: f64::from(ys.1 - ys.0) * down.ratio,
    };
    let mut again = Raster::new(Size { width: xs.1 - xs.0, height: ys.1 - ys.0 }, raster.has_alpha());
    scale(resizer, &padded, inner, &mut again)?;
    let (stride, channels) = (output.stride(), output.channels());
    let rows = output.pixels_mut().chunks_exact_mut(stride).skip(ys.0 as usize);
    for (row, made) in rows.zip(again.rows()) {
        let start = xs.0 as usize * channels;
        row[start..start + made.len()].copy_from_slice(made);
    }
    Ok(())
}

/// The source pixels, also negative ones, that the kernel sees for a range of output pixels.
#[expect(clippy::cast_possible_truncation, reason = "pixel counts")]
fn window(from: f64, ratio: f64, range: (u32, u32)) -> (i64, i64) {
    let radius = SUPPORT * ratio.max(1.0) + 1.0;
    let start = (from + f64::from(range.0) * ratio - radius).floor();
    let end = (from + f64::from(range.1) * ratio + radius).ceil();
    (start as i64, end as i64)
}

fn padded(raster: &Raster, xs: (i64, i64), ys: (i64, i64)) -> Raster {
    let size = raster.size();
    let inside = |at: i64, length: u32| usize::try_from(at.clamp(0, i64::from(length) - 1)).unwrap_or(0);
    let columns: Vec<usize> = (xs.0..xs.1).map(|x| inside(x, size.width) * raster.channels()).collect();
    let count = |range: (i64, i64)| u32::try_from(range.1 - range.0).unwrap_or(1);
    let mut copy = Raster::new(Size { width: count(xs), height: count(ys) }, raster.has_alpha());
    let (stride, channels) = (copy.stride(), copy.channels());
    for (row, y) in copy.pixels_mut().chunks_exact_mut(stride).zip(ys.0..ys.1) {
        let source = raster.row(inside(y, size.height));
        for (pixel, &at) in row.chunks_exact_mut(channels).zip(&columns) {
            pixel.copy_from_slice(&source[at..at + channels]);
        }
    }
    copy
}
