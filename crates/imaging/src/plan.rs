//! How small a JPEG may be decoded: by 1, 1/2, 1/4 or 1/8, where no variant can tell the difference.

use picture::{Format, Header, Operation, Request, Size};

/// The largest of 8, 4, 2, 1 that every variant allows.
pub fn denominator(header: &Header, request: &Request) -> u32 {
    if header.format != Format::Jpeg {
        return 1;
    }
    let allowed = |by: &u32| request.variants.iter().all(|variant| allows(header.size, &variant.operations, *by));
    [8, 4, 2].into_iter().find(allowed).unwrap_or(1)
}

/// Whether the chain begins with what can be done on a picture scaled by `1 / by` and then shrinks it so much that the
/// scaled one still has 1.5 times the target on both sides. Crops must lie on the scaled grid exactly.
fn allows(mut size: Size, operations: &[Operation], by: u32) -> bool {
    for operation in operations {
        match operation {
            Operation::Grayscale | Operation::Format { .. } | Operation::Flip(_) => {}
            Operation::Rotate(_) => match picture::follow::step(size, operation) {
                Ok(turned) => size = turned,
                Err(_) => return false,
            },
            Operation::Crop(crop) => {
                let Some(rect) = crop.rect(size) else { return false };
                let edges = [size.width, size.height, rect.x, rect.y, rect.size.width, rect.size.height];
                if edges.iter().any(|edge| edge % by != 0) {
                    return false;
                }
                size = rect.size;
            }
            Operation::Resize(resize) => {
                let scaled = resize.target(size).scaled;
                let enough = |side: u32, target: u32| 2 * u64::from(side) >= 3 * u64::from(by) * u64::from(target);
                return enough(size.width, scaled.width) && enough(size.height, scaled.height);
            }
            Operation::Sharpen { .. } | Operation::Blur { .. } => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use picture::{Orientation, Request};

    use super::*;

    fn planned(width: u32, height: u32, chains: &str) -> u32 {
        let json = serde_json::from_str(chains).unwrap();
        let request = Request::parse(None, Some(&json)).unwrap();
        let size = Size { width, height };
        denominator(&Header { format: Format::Jpeg, size, orientation: Orientation::UPRIGHT }, &request)
    }

    #[test]
    fn a_decode_keeps_one_and_a_half_times_the_target() {
        assert_eq!(planned(4000, 3000, r#"{"a": [{"op": "resize", "width": 512}]}"#), 4);
        assert_eq!(planned(4000, 3000, r#"{"a": [{"op": "resize", "width": 333}]}"#), 8);
        assert_eq!(planned(4000, 3000, r#"{"a": [{"op": "resize", "width": 334}]}"#), 4);
        assert_eq!(planned(4000, 3000, r#"{"a": [{"op": "resize", "width": 2000}]}"#), 1);
        let covered = r#"{"a": [{"op": "resize", "width": 100, "height": 600, "fit": "cover"}]}"#;
        assert_eq!(planned(4000, 3000, covered), 2);
    }

    #[test]
    fn the_neediest_variant_decides() {
        let two = r#"{"a": [{"op": "resize", "width": 100}], "b": [{"op": "resize", "width": 1000}]}"#;
        assert_eq!(planned(4000, 3000, two), 2);
        assert_eq!(planned(4000, 3000, r#"{"a": [{"op": "resize", "width": 100}], "b": []}"#), 1);
    }

    #[test]
    fn pixels_that_matter_are_decoded_whole() {
        let resized = |first: &str| format!(r#"{{"a": [{first}, {{"op": "resize", "width": 64}}]}}"#);
        let crop = |x| format!(r#"{{"op": "crop", "x": {x}, "y": 0, "width": 800, "height": 800}}"#);
        assert_eq!(planned(4000, 3000, &resized(&crop(8))), 8);
        assert_eq!(planned(4000, 3000, &resized(&crop(4))), 4);
        assert_eq!(planned(4000, 3000, &resized(&crop(3))), 1);
        assert_eq!(planned(4001, 3000, &resized(&crop(8))), 1);
        assert_eq!(planned(4000, 3000, &resized(r#"{"op": "rotate", "degrees": 90}"#)), 8);
        assert_eq!(planned(4000, 3000, &resized(r#"{"op": "blur", "sigma": 1}"#)), 1);
        assert_eq!(
            planned(4000, 3000, &resized(r#"{"op": "crop", "width": 800, "height": 800, "gravity": "attention"}"#)),
            1
        );
    }
}
