//! WebP: a lossy, lossless or extended first chunk. Only an extended file can carry EXIF, and it stands after the
//! pictures' data: where the flag says that there is one, the file is followed to it.

use super::{Orientation, Step, bytes, exif};
use crate::Size;

#[derive(Default)]
pub(super) struct Webp {
    pub size: Option<Size>,
    /// Bytes of the RIFF that are still to come, once the first chunk is read.
    left: u64,
}

const EXIF_FLAG: u8 = 0x08;

impl Webp {
    pub fn step(&mut self, data: &[u8]) -> Step {
        if self.size.is_none() { self.first(data) } else { self.later(data) }
    }

    fn first(&mut self, data: &[u8]) -> Step {
        let Some(kind) = data.get(12..16) else {
            return Step::Need(16);
        };
        let Some(body) = data.get(20..30) else {
            return Step::Need(30);
        };
        let (Some(riff), Some(length)) =
            (bytes(data, 4).map(u32::from_le_bytes), bytes(data, 16).map(u32::from_le_bytes))
        else {
            return Step::Bad("its first chunk is cut off");
        };
        let found = match kind {
            b"VP8 " => lossy(body),
            b"VP8L" => lossless(body),
            b"VP8X" => Some(extended(body)),
            _ => return Step::Bad("its first chunk is not one that WebP begins with"),
        };
        let Some(size) = found else {
            return Step::Bad("its first frame does not begin as one must");
        };
        if size.width == 0 || size.height == 0 {
            return Step::Bad("a side is 0");
        }
        self.size = Some(size);
        let extended = kind == b"VP8X" && body.first().is_some_and(|flags| flags & EXIF_FLAG != 0);
        if !extended {
            return Step::Done(Orientation::UPRIGHT);
        }
        let read = 20 + padded(length);
        self.left = (u64::from(riff) + 8).saturating_sub(read);
        Step::Skip(read)
    }

    fn later(&mut self, data: &[u8]) -> Step {
        if self.left < 8 {
            return Step::Done(Orientation::UPRIGHT);
        }
        let (Some(kind), Some(length)) = (data.get(0..4), bytes(data, 4).map(u32::from_le_bytes)) else {
            return Step::Need(8);
        };
        if kind != b"EXIF" {
            let chunk = 8 + padded(length);
            self.left = self.left.saturating_sub(chunk);
            return Step::Skip(chunk);
        }
        let end = 8 + usize::try_from(u64::from(length).min(exif::MAX_BYTES)).unwrap_or(0);
        let Some(block) = data.get(8..end) else {
            return Step::Need(end);
        };
        Step::Done(exif::orientation(block.strip_prefix(b"Exif\0\0").unwrap_or(block)))
    }
}

/// Chunks are padded to an even length.
fn padded(length: u32) -> u64 {
    u64::from(length) + u64::from(length & 1)
}

fn lossy(body: &[u8]) -> Option<Size> {
    let [tag, _, _, 0x9d, 0x01, 0x2a, x0, x1, y0, y1] = bytes(body, 0)? else {
        return None;
    };
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    (tag & 1 == 0).then_some(Size { width: side(x0, x1), height: side(y0, y1) })
}

fn lossless(body: &[u8]) -> Option<Size> {
    let bits = u32::from_le_bytes(bytes(body, 1)?);
    (body.first() == Some(&0x2f)).then_some(Size { width: (bits & 0x3fff) + 1, height: (bits >> 14 & 0x3fff) + 1 })
}

fn extended(body: &[u8]) -> Size {
    let side = |at| bytes(body, at).map_or(0, |[a, b, c]| u32::from_le_bytes([a, b, c, 0]) + 1);
    Size { width: side(4), height: side(7) }
}
