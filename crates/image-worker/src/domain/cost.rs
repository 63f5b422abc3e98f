//! What a picture costs of the budget.

use model::image::Source;

const MEGAPIXEL: u64 = 1_000_000;

/// Megapixels, rounded up, at least 1 and at most the whole budget: a picture larger than the budget is worked on alone.
pub fn megapixels(source: Option<&Source>, budget: u32) -> u32 {
    // What is not known is taken for the largest.
    let pixels = source.map_or(u64::MAX, |source| u64::from(source.width) * u64::from(source.height));
    u32::try_from(pixels.div_ceil(MEGAPIXEL)).unwrap_or(u32::MAX).clamp(1, budget)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_costs_its_megapixels_and_never_more_than_there_are() {
        let source = |width, height| Source { width, height, bytes: 1, format: "jpeg".into(), key: String::new() };
        assert_eq!(megapixels(Some(&source(1, 1)), 50), 1);
        assert_eq!(megapixels(Some(&source(4000, 3000)), 50), 12);
        assert_eq!(megapixels(Some(&source(4001, 3000)), 50), 13);
        assert_eq!(megapixels(Some(&source(10_000, 5_000)), 20), 20);
        assert_eq!(megapixels(Some(&source(u32::MAX, u32::MAX)), 50), 50);
        assert_eq!(megapixels(None, 50), 50);
    }
}
