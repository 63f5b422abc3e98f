//! JPEG: segments up to the frame header. EXIF must come before it, as the standard says.

use super::{Orientation, Step, bytes, exif};
use crate::Size;

#[derive(Default)]
pub(super) struct Jpeg {
    pub size: Option<Size>,
    orientation: Option<Orientation>,
}

const EXIF: &[u8] = b"Exif\0\0";

impl Jpeg {
    pub fn step(&mut self, data: &[u8]) -> Step {
        let Some([mark, kind]) = bytes(data, 0) else {
            return Step::Need(2);
        };
        if mark != 0xff {
            return Step::Bad("there is no marker where one is due");
        }
        match kind {
            0xff => Step::Skip(1),
            0xd8 | 0x01 | 0xd0..=0xd7 => Step::Skip(2),
            0xc0..=0xc2 | 0xc9 | 0xca => self.frame(data),
            0xc3 | 0xc5..=0xc7 | 0xcb | 0xcd..=0xcf => Step::Bad("lossless and hierarchical JPEG are not taken"),
            0x00 | 0xd9 | 0xda => Step::Bad("the picture's data begins before its size is named"),
            _ => self.segment(data, kind),
        }
    }

    fn segment(&mut self, data: &[u8], kind: u8) -> Step {
        let Some(length) = bytes(data, 2).map(u16::from_be_bytes) else {
            return Step::Need(4);
        };
        if length < 2 {
            return Step::Bad("a segment is shorter than its own length");
        }
        let end = 2 + usize::from(length);
        if kind == 0xe1 && self.orientation.is_none() && end >= 4 + EXIF.len() {
            let Some(name) = data.get(4..4 + EXIF.len()) else {
                return Step::Need(4 + EXIF.len());
            };
            if name == EXIF {
                let Some(tiff) = data.get(4 + EXIF.len()..end) else {
                    return Step::Need(end);
                };
                self.orientation = Some(exif::orientation(tiff));
            }
        }
        Step::Skip(end as u64)
    }

    fn frame(&mut self, data: &[u8]) -> Step {
        let Some([high, low, precision, y1, y0, x1, x0, components]) = bytes(data, 2) else {
            return Step::Need(10);
        };
        let (height, width) = (u16::from_be_bytes([y1, y0]), u16::from_be_bytes([x1, x0]));
        if precision != 8 {
            return Step::Bad("only 8 bits a sample are taken");
        }
        if width == 0 || height == 0 {
            return Step::Bad("a side is 0");
        }
        if !matches!(components, 1 | 3 | 4) || u16::from_be_bytes([high, low]) != 8 + 3 * u16::from(components) {
            return Step::Bad("its colour components are not grey, colour or CMYK");
        }
        self.size = Some(Size { width: width.into(), height: height.into() });
        Step::Done(self.orientation.unwrap_or(Orientation::UPRIGHT))
    }
}
