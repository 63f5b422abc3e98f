//! The orientation tag of an EXIF block (a TIFF structure), and nothing else of it.

use super::{Orientation, bytes};

const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;

/// The largest EXIF block that is looked at, in bytes: what fits a JPEG segment.
pub(super) const MAX_BYTES: u64 = 65_535;

/// The orientation that a TIFF structure names in its first directory; upright where it names none or is broken.
pub(super) fn orientation(tiff: &[u8]) -> Orientation {
    find(tiff).unwrap_or(Orientation::UPRIGHT)
}

fn find(tiff: &[u8]) -> Option<Orientation> {
    let big = match bytes::<4>(tiff, 0)? {
        [b'I', b'I', 42, 0] => false,
        [b'M', b'M', 0, 42] => true,
        _ => return None,
    };
    let short =
        |offset| bytes(tiff, offset).map(|raw| if big { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) });
    let long =
        |offset| bytes(tiff, offset).map(|raw| if big { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) });
    let directory = usize::try_from(long(4)?).ok()?;
    for entry in 0..usize::from(short(directory)?) {
        let at = directory.checked_add(2 + entry * 12)?;
        if short(at)? == ORIENTATION {
            return (short(at + 2)? == SHORT && long(at + 4)? == 1).then_some(Orientation::from_exif(short(at + 8)?));
        }
    }
    None
}
