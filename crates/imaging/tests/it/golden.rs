//! Every operation and source against libvips. `make_golden.sh` makes the references.

use serde_json::{Value, json};

use crate::compare::difference;
use crate::photos::{decode, photo, pixels, read};

/// Runs the chain and asserts that it is near the reference: mean and largest difference in levels of 255.
#[track_caller]
fn near(source: &str, chain: &Value, golden: &str, mean: f64, most: u8) {
    let made = pixels(&photo(source), chain);
    let reference = decode(&read(&format!("golden/{golden}.png")));
    let found = difference(&made, &reference);
    println!("{golden}: {found:?}");
    assert!(found.mean <= mean && found.most <= most, "{golden}: {found:?}");
}

fn part() -> Value {
    json!({"op": "crop", "x": 90, "y": 60, "width": 120, "height": 90})
}

fn face() -> Value {
    json!({"op": "crop", "x": 220, "y": 110, "width": 128, "height": 96})
}

#[test]
fn crop_is_that_of_libvips() {
    // R53
    near("raccoon.jpg", &json!([face()]), "crop", 0.0, 0);
}

#[test]
fn resize_is_that_of_libvips() {
    // R53
    near("coffee.png", &json!([{"op": "resize", "width": 120}]), "resize", 0.5, 4);
    near("coffee.png", &json!([{"op": "resize", "width": 90, "height": 100, "fit": "fill"}]), "fill", 0.5, 4);
    near("coffee.png", &json!([{"op": "resize", "width": 100, "height": 100, "fit": "cover"}]), "cover", 0.5, 4);
}

#[test]
fn enlarging_is_lanczos_too() {
    // R53
    let small = json!({"op": "crop", "x": 120, "y": 80, "width": 60, "height": 45});
    near("coffee.png", &json!([small, {"op": "resize", "width": 120, "enlarge": true}]), "enlarge", 0.6, 10);
}

#[test]
fn blur_is_that_of_libvips_for_small_and_large_sigma() {
    // R53
    near("coffee.png", &json!([part(), {"op": "blur", "sigma": 0.8}]), "blur-0.8", 0.1, 1);
    near("coffee.png", &json!([part(), {"op": "blur", "sigma": 4}]), "blur-4", 0.1, 1);
    near("coffee.png", &json!([part(), {"op": "blur", "sigma": 12}]), "blur-12", 0.5, 2);
    near("coffee.png", &json!([{"op": "blur", "sigma": 40}, part()]), "blur-40", 0.5, 2);
}

#[test]
fn sharpen_is_the_formula_of_the_contract() {
    // R53
    near("coffee.png", &json!([part(), {"op": "sharpen", "sigma": 1, "amount": 1}]), "sharpen-1", 0.1, 1);
    near("coffee.png", &json!([part(), {"op": "sharpen", "sigma": 3, "amount": 2.5}]), "sharpen-3", 0.1, 2);
}

#[test]
fn grayscale_rotate_and_flip_are_those_of_libvips() {
    // R53
    near("coffee.png", &json!([part(), {"op": "grayscale"}]), "grayscale", 0.01, 1);
    near("coffee.png", &json!([part(), {"op": "rotate", "degrees": 90}]), "rotate", 0.0, 0);
    near("coffee.png", &json!([part(), {"op": "flip", "axis": "horizontal"}]), "flip", 0.0, 0);
}

#[test]
fn alpha_is_premultiplied() {
    // R53
    near("alpha.png", &json!([{"op": "resize", "width": 60}]), "alpha-resize", 0.6, 6);
    let inner = json!({"op": "crop", "x": 15, "y": 10, "width": 120, "height": 80});
    near("alpha.png", &json!([{"op": "blur", "sigma": 3}, inner]), "alpha-blur", 0.5, 3);
}

#[test]
fn chains_of_several_operations_are_those_of_libvips() {
    // R53
    let chain = json!([
        {"op": "crop", "x": 160, "y": 80, "width": 256, "height": 192},
        {"op": "resize", "width": 128},
        {"op": "sharpen", "sigma": 1, "amount": 1.5},
        {"op": "blur", "sigma": 1.5},
    ]);
    near("raccoon.jpg", &chain, "chain", 0.5, 5);
}

#[test]
fn a_jpeg_decoded_at_half_size_is_near_the_whole_one_resized() {
    // R53
    near("raccoon.jpg", &json!([{"op": "resize", "width": 100}]), "scaled-decode", 2.0, 24);
}

#[test]
fn sources_of_every_kind_are_read_as_libvips_reads_them() {
    // R53
    near("progressive.jpg", &json!([face()]), "progressive", 0.0, 0);
    near("orientation-6.jpg", &json!([face()]), "upright", 0.0, 0);
    near("moving.gif", &json!([]), "first-frame", 0.0, 0);
    near("palette.png", &json!([]), "palette", 0.0, 0);
    near("sixteen.png", &json!([]), "sixteen", 0.0, 0);
    near("lossy.webp", &json!([part()]), "webp", 0.1, 2);
}

#[test]
fn colours_become_srgb() {
    // R53
    let middle = json!({"op": "crop", "x": 64, "y": 48, "width": 128, "height": 96});
    near("display-p3.jpg", &json!([middle]), "profile", 0.6, 3);
    let middle = json!({"op": "crop", "x": 72, "y": 48, "width": 96, "height": 72});
    near("cmyk.jpg", &json!([middle]), "cmyk", 3.0, 60);
}

#[test]
fn white_is_behind_alpha_where_the_output_has_none() {
    // R53
    let jpeg =
        crate::photos::run(&photo("alpha.png"), &json!([{"op": "format", "format": "jpeg", "quality": 100}])).unwrap();
    let found = difference(&decode(&jpeg.bytes), &decode(&read("golden/white.png")));
    assert!(found.mean < 1.5 && found.psnr > 38.0, "{found:?}");
}
