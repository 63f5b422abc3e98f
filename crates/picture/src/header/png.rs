//! PNG: the IHDR chunk and its checksum, then chunks up to the data, among which eXIf may name an orientation.

use super::{Orientation, Step, bytes, exif};
use crate::Size;

#[derive(Default)]
pub(super) struct Png {
    pub size: Option<Size>,
    orientation: Option<Orientation>,
}

const LONGEST: u32 = i32::MAX.unsigned_abs();

impl Png {
    pub fn step(&mut self, data: &[u8]) -> Step {
        if self.size.is_none() { self.header(data) } else { self.chunk(data) }
    }

    fn header(&mut self, data: &[u8]) -> Step {
        const END: usize = 33;
        let (Some(chunk), Some(checksum)) = (data.get(12..29), bytes(data, 29)) else {
            return Step::Need(END);
        };
        if data.get(8..12) != Some(&[0, 0, 0, 13]) || !chunk.starts_with(b"IHDR") {
            return Step::Bad("its first chunk is not IHDR");
        }
        if crc32(chunk) != u32::from_be_bytes(checksum) {
            return Step::Bad("the checksum of IHDR is wrong");
        }
        let (Some(width), Some(height), Some([depth, colour, compression, filter, interlace])) =
            (bytes(chunk, 4), bytes(chunk, 8), bytes(chunk, 12))
        else {
            return Step::Bad("IHDR is too short");
        };
        let (width, height) = (u32::from_be_bytes(width), u32::from_be_bytes(height));
        if width == 0 || height == 0 || width > LONGEST || height > LONGEST {
            return Step::Bad("a side is 0 or beyond what PNG allows");
        }
        let depth_fits = match colour {
            0 => matches!(depth, 1 | 2 | 4 | 8 | 16),
            3 => matches!(depth, 1 | 2 | 4 | 8),
            2 | 4 | 6 => matches!(depth, 8 | 16),
            _ => false,
        };
        if !depth_fits || compression != 0 || filter != 0 || interlace > 1 {
            return Step::Bad("IHDR names a kind of pixel that PNG does not have");
        }
        self.size = Some(Size { width, height });
        Step::Skip(END as u64)
    }

    fn chunk(&mut self, data: &[u8]) -> Step {
        let (Some(length), Some(kind)) = (bytes(data, 0).map(u32::from_be_bytes), data.get(4..8)) else {
            return Step::Need(8);
        };
        if length > LONGEST {
            return Step::Bad("a chunk is longer than PNG allows");
        }
        match kind {
            b"IDAT" | b"IEND" => return Step::Done(self.orientation.unwrap_or(Orientation::UPRIGHT)),
            b"eXIf" if self.orientation.is_none() && u64::from(length) <= exif::MAX_BYTES => {
                let end = 8 + usize::try_from(length).unwrap_or(usize::MAX - 8);
                let Some(tiff) = data.get(8..end) else {
                    return Step::Need(end);
                };
                self.orientation = Some(exif::orientation(tiff));
            }
            _ => {}
        }
        Step::Skip(12 + u64::from(length))
    }
}

/// CRC-32 as PNG has it (ISO 3309, reflected polynomial 0xedb88320).
fn crc32(data: &[u8]) -> u32 {
    let step = |crc: u32, _| {
        if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
    };
    !data.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}
