//! A JPEG decoded at 1/2, 1/4 or 1/8 against the same decoded whole: it must not be seen.

use serde_json::{Value, json};

use crate::compare::{difference, ssim};
use crate::photos::{photo, pixels};

/// The chain on the JPEG, and on a PNG of the JPEG's pixels, which is always decoded whole.
fn both(name: &str, chain: &Value) -> (f64, f64) {
    let whole = crate::photos::run(&photo(name), &json!([{"op": "format", "format": "png"}])).unwrap().bytes;
    let (scaled, exact) = (pixels(&photo(name), chain), pixels(&whole, chain));
    (ssim(&scaled, &exact), difference(&scaled, &exact).psnr)
}

#[test]
fn scaled_decoding_is_not_seen() {
    // R53
    for (name, width, least_ssim, least_psnr) in [
        ("raccoon.jpg", 170, 0.985, 34.0), // 1/2
        ("raccoon.jpg", 85, 0.985, 34.0),  // 1/4
        ("raccoon.jpg", 42, 0.985, 34.0),  // 1/8
        ("progressive.jpg", 85, 0.985, 34.0),
        ("grey.jpg", 42, 0.985, 34.0),
        ("orientation-6.jpg", 85, 0.985, 34.0),
    ] {
        let (similarity, psnr) = both(name, &json!([{"op": "resize", "width": width}]));
        println!("{name} to {width}: SSIM {similarity:.4}, PSNR {psnr:.1} dB");
        assert!(similarity >= least_ssim && psnr >= least_psnr, "{name} to {width}: SSIM {similarity}, PSNR {psnr}");
    }
}

#[test]
fn turns_and_aligned_crops_before_the_resize_may_be_scaled_too() {
    // R53
    for chain in [
        json!([{"op": "crop", "x": 64, "y": 32, "width": 384, "height": 320}, {"op": "resize", "width": 64}]),
        json!([{"op": "rotate", "degrees": 270}, {"op": "flip", "axis": "vertical"}, {"op": "resize", "width": 64}]),
        json!([{"op": "resize", "width": 60, "height": 90, "fit": "cover"}, {"op": "sharpen", "sigma": 1, "amount": 0.5}]),
    ] {
        let (similarity, psnr) = both("raccoon.jpg", &chain);
        println!("{chain}: SSIM {similarity:.4}, PSNR {psnr:.1} dB");
        assert!(similarity >= 0.98 && psnr >= 32.0, "{chain}: SSIM {similarity}, PSNR {psnr}");
    }
}

#[test]
fn sides_that_are_no_multiple_of_the_scale_do_not_shift_the_picture() {
    // R53: 509 x 379, so that the last row and column of the scaled picture stand for part of a pixel
    let chain = json!([{"op": "crop", "x": 0, "y": 0, "width": 509, "height": 379}, {"op": "format", "format": "jpeg", "quality": 95}]);
    let odd = crate::photos::run(&photo("raccoon.jpg"), &chain).unwrap().bytes;
    let whole = crate::photos::run(&odd, &json!([{"op": "format", "format": "png"}])).unwrap().bytes;
    for turn in [
        json!({"op": "grayscale"}),
        json!({"op": "flip", "axis": "horizontal"}),
        json!({"op": "rotate", "degrees": 90}),
    ] {
        let chain = json!([turn, {"op": "resize", "width": 40}]);
        let (scaled, exact) = (pixels(&odd, &chain), pixels(&whole, &chain));
        let similarity = ssim(&scaled, &exact);
        println!("{chain}: SSIM {similarity:.4}, {:?}", difference(&scaled, &exact));
        assert!(similarity >= 0.985, "{chain}: {similarity}");
    }
}
