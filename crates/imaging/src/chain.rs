//! Runs one variant's operations over the decoded picture.

use std::borrow::Cow;

use picture::{Axis, Operation, Quarter, Size};

use crate::decode::Base;
use crate::resize::{self, Frame};
use crate::{Error, Limits, Raster, Result, attention, blur};

/// The picture on its way through a chain. Until the first resize it may be a scaled one, see [`Base`].
pub struct Picture<'a> {
    raster: Cow<'a, Raster>,
    size: Size,
    frame: Frame,
}

impl<'a> From<&'a Base> for Picture<'a> {
    fn from(base: &'a Base) -> Self {
        Self { raster: Cow::Borrowed(&base.raster), size: base.size, frame: base.frame }
    }
}

/// For the last variant: nobody needs the decoded picture any more, so it is changed rather than copied.
impl From<Base> for Picture<'_> {
    fn from(base: Base) -> Self {
        Self { raster: Cow::Owned(base.raster), size: base.size, frame: base.frame }
    }
}

/// Runs the operations in order.
pub fn run<'a>(base: impl Into<Picture<'a>>, operations: &[Operation], limits: &Limits) -> Result<Cow<'a, Raster>> {
    let mut picture = base.into();
    let decoded = picture.raster.size().pixels();
    for operation in operations {
        let after = picture::follow::step(picture.size, operation).map_err(|fault| Error::Encoding(fault.detail))?;
        // the decoded picture, this step's input and its output
        let pixels = decoded + picture.raster.size().pixels() + after.pixels();
        limits.check_bytes(pixels * 4 + picture.scratch_bytes(operation))?;
        picture = picture.step(operation, after)?;
    }
    if picture.raster.size() != picture.size {
        return Err(Error::Encoding("a scaled picture met no resize".to_owned()));
    }
    Ok(picture.raster)
}

impl<'a> Picture<'a> {
    fn step(mut self, operation: &Operation, after: Size) -> Result<Picture<'a>> {
        match *operation {
            Operation::Format { .. } => Ok(self),
            Operation::Grayscale => {
                self.raster.to_mut().grayscale();
                Ok(self)
            }
            Operation::Flip(axis) => Ok(self.flip(axis)),
            Operation::Rotate(quarter) => Ok(self.rotate(quarter, after)),
            Operation::Crop(crop) => {
                let rect = crop.rect(self.size).unwrap_or_else(|| attention::window(&self.raster, after));
                self.crop(rect)
            }
            Operation::Resize(resize) => {
                let target = resize.target(self.size);
                if target.output == self.size && self.raster.size() == self.size {
                    return Ok(self);
                }
                Ok(Self::whole(resize::resize(&self.raster, self.frame, target)?))
            }
            Operation::Blur { sigma } => {
                let raster = if let Cow::Owned(raster) = self.raster { raster } else { self.raster.into_owned() };
                Ok(Self::whole(blur::blur(raster, sigma)))
            }
            Operation::Sharpen { sigma, amount } => Ok(Self::whole(blur::sharpen(&self.raster, sigma, amount))),
        }
    }

    fn whole(raster: Raster) -> Self {
        Self { size: raster.size(), frame: Frame::whole(raster.size()), raster: Cow::Owned(raster) }
    }

    fn flip(self, axis: Axis) -> Self {
        let frame = self.frame.flip(self.raster.size(), axis);
        Self { raster: Cow::Owned(self.raster.into_owned().flip(axis)), frame, ..self }
    }

    fn rotate(self, quarter: Quarter, after: Size) -> Self {
        let frame = self.frame.rotate(self.raster.size(), quarter);
        let raster = match quarter {
            Quarter::Twice => self.raster.into_owned().rotate(quarter),
            Quarter::Once | Quarter::Thrice => self.raster.turned(quarter == Quarter::Once),
        };
        Self { raster: Cow::Owned(raster), frame, size: after }
    }

    /// Crops; a scaled picture is only planned where the crop's edges lie on its grid.
    fn crop(self, rect: picture::Rect) -> Result<Self> {
        let by = self.size.width.div_ceil(self.raster.size().width.max(1));
        let on_grid = |value: u32| {
            if value.is_multiple_of(by) {
                Ok(value / by)
            } else {
                Err(Error::Encoding("a crop between pixels".to_owned()))
            }
        };
        let size = Size { width: on_grid(rect.size.width)?, height: on_grid(rect.size.height)? };
        let raster = self.raster.crop(picture::Rect { x: on_grid(rect.x)?, y: on_grid(rect.y)?, size });
        Ok(Self { raster: Cow::Owned(raster), size: rect.size, frame: Frame::whole(size) })
    }

    fn scratch_bytes(&self, operation: &Operation) -> u64 {
        match *operation {
            Operation::Blur { sigma } | Operation::Sharpen { sigma, .. } => blur::scratch_bytes(&self.raster, sigma),
            // premultiplied copy
            Operation::Resize(_) if self.raster.has_alpha() => self.raster.size().pixels() * 4,
            _ => 0,
        }
    }
}
