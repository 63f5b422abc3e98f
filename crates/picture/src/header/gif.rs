//! GIF: the logical screen, on which the first frame is laid.

use super::{Orientation, Step, bytes};
use crate::Size;

#[derive(Default)]
pub(super) struct Gif {
    pub size: Option<Size>,
}

impl Gif {
    pub fn step(&mut self, data: &[u8]) -> Step {
        let (Some(width), Some(height)) = (bytes(data, 6), bytes(data, 8)) else {
            return Step::Need(10);
        };
        let (width, height) = (u16::from_le_bytes(width), u16::from_le_bytes(height));
        if width == 0 || height == 0 {
            return Step::Bad("a side of the canvas is 0");
        }
        self.size = Some(Size { width: width.into(), height: height.into() });
        Step::Done(Orientation::UPRIGHT)
    }
}
