//! Resizing with Lanczos3, premultiplied, from a part of a raster that may begin and end between pixels.

mod border;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use picture::follow::Target;
use picture::{Axis, Orientation, Quarter, Size};

use crate::{Error, Raster, Result};

/// Half the width of the kernel, in pixels of the coarser of the two grids.
const SUPPORT: f64 = 3.0;

/// A part of a raster, in its pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// From the left.
    pub left: f64,
    /// From the top.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Frame {
    /// All of a raster.
    pub fn whole(size: Size) -> Self {
        Self { left: 0.0, top: 0.0, width: size.width.into(), height: size.height.into() }
    }

    /// Where this part is after the raster of `size` was mirrored.
    #[must_use]
    pub fn flip(self, size: Size, axis: Axis) -> Self {
        match axis {
            Axis::Horizontal => Self { left: f64::from(size.width) - self.left - self.width, ..self },
            Axis::Vertical => Self { top: f64::from(size.height) - self.top - self.height, ..self },
        }
    }

    /// Where this part is after the raster of `size` was turned clockwise.
    #[must_use]
    pub fn rotate(self, size: Size, quarter: Quarter) -> Self {
        let turned = Self { left: self.top, top: self.left, width: self.height, height: self.width };
        let new = Size { width: size.height, height: size.width };
        match quarter {
            Quarter::Once => turned.flip(new, Axis::Horizontal),
            Quarter::Twice => self.flip(size, Axis::Horizontal).flip(size, Axis::Vertical),
            Quarter::Thrice => turned.flip(new, Axis::Vertical),
        }
    }

    /// Where this part is after the raster of `size` was put upright.
    #[must_use]
    pub fn upright(self, size: Size, orientation: Orientation) -> Self {
        let new = orientation.apply(size);
        match orientation.get() {
            2 => self.flip(size, Axis::Horizontal),
            3 => self.rotate(size, Quarter::Twice),
            4 => self.flip(size, Axis::Vertical),
            5 => self.rotate(size, Quarter::Once).flip(new, Axis::Horizontal),
            6 => self.rotate(size, Quarter::Once),
            7 => self.rotate(size, Quarter::Thrice).flip(new, Axis::Horizontal),
            8 => self.rotate(size, Quarter::Thrice),
            _ => self,
        }
    }

    /// The part of this that a target keeps: the middle, as a crop to the centre would.
    fn kept(self, target: Target) -> Self {
        let cut = |start: f64, length: f64, scaled: u32, output: u32| {
            let pixel = length / f64::from(scaled);
            (start + f64::from((scaled - output) / 2) * pixel, f64::from(output) * pixel)
        };
        let (left, width) = cut(self.left, self.width, target.scaled.width, target.output.width);
        let (top, height) = cut(self.top, self.height, target.scaled.height, target.output.height);
        Self { left, top, width, height }
    }
}

/// Scales the part `frame` of a raster to `target.scaled` and keeps its middle `target.output`.
pub fn resize(raster: &Raster, frame: Frame, target: Target) -> Result<Raster> {
    let kept = frame.kept(target);
    let mut output = Raster::new(target.output, raster.has_alpha());
    let mut resizer = Resizer::new();
    scale(&mut resizer, raster, kept, &mut output)?;
    border::repeat_edges(&mut resizer, raster, kept, &mut output)?;
    Ok(output)
}

fn scale(resizer: &mut Resizer, raster: &Raster, part: Frame, output: &mut Raster) -> Result<()> {
    let Size { width, height } = raster.size();
    let left = part.left.clamp(0.0, f64::from(width));
    let top = part.top.clamp(0.0, f64::from(height));
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3)).crop(
        left,
        top,
        part.width.min(f64::from(width) - left),
        part.height.min(f64::from(height) - top),
    );
    let kind = if raster.has_alpha() { PixelType::U8x4 } else { PixelType::U8x3 };
    let size = output.size();
    let from = ImageRef::new(width, height, raster.pixels(), kind).map_err(failed)?;
    let mut to = Image::from_slice_u8(size.width, size.height, output.pixels_mut(), kind).map_err(failed)?;
    resizer.resize(&from, &mut to, &options).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Encoding(error.to_string())
}
