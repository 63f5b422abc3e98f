//! Small and odd shapes, and what happens at the edges.

use imaging::Raster;
use picture::Size;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::made;
use crate::photos::{photo, pixels};

/// A PNG of these RGB rows.
fn png(width: u32, height: u32, samples: &[u8]) -> Vec<u8> {
    let rows: Vec<u8> = samples.chunks(width as usize * 3).flat_map(|row| [&[0], row].concat()).collect();
    made::png(&[(b"IHDR", made::ihdr(width, height, 2)), (b"IDAT", made::stored(&rows)), (b"IEND", vec![])])
}

#[test]
fn edges_are_repeated_when_resizing() {
    // R53: the same as resizing a picture whose edges were repeated by hand, and cutting that off again
    let coffee = pixels(&photo("coffee.png"), &json!([]));
    let (width, height, pad) = (300usize, 200usize, 60usize);
    let samples: Vec<u8> = (0..height + 2 * pad)
        .flat_map(|y| (0..width + 2 * pad).map(move |x| (x, y)))
        .flat_map(|(x, y)| {
            let inside = |at: usize, length: usize| at.saturating_sub(pad).min(length - 1);
            let at = (inside(y, height) * width + inside(x, width)) * 3;
            coffee.pixels()[at..at + 3].to_vec()
        })
        .collect();
    let padded = png(420, 320, &samples);
    let whole = pixels(&photo("coffee.png"), &json!([{"op": "resize", "width": 60}]));
    let cut = json!([{"op": "resize", "width": 84}, {"op": "crop", "x": 12, "y": 12, "width": 60, "height": 40}]);
    let found = crate::compare::difference(&whole, &pixels(&padded, &cut));
    assert!(found.most <= 1, "{found:?}");
}

#[test]
fn a_flat_picture_stays_flat_through_everything() {
    // R53
    let flat = png(37, 23, &[90; 37 * 23 * 3]);
    let chain = json!([
        {"op": "blur", "sigma": 0.3}, {"op": "blur", "sigma": 7}, {"op": "blur", "sigma": 100},
        {"op": "sharpen", "sigma": 10, "amount": 5}, {"op": "resize", "width": 5}, {"op": "resize", "width": 50, "enlarge": true},
        {"op": "grayscale"},
    ]);
    assert!(pixels(&flat, &chain).pixels().iter().all(|&sample| sample == 90));
}

#[test]
fn turning_four_times_and_mirroring_twice_change_nothing() {
    let quarter = json!({"op": "rotate", "degrees": 90});
    for name in ["coffee.png", "alpha.png"] {
        let same = pixels(&photo(name), &json!([]));
        assert_eq!(pixels(&photo(name), &Value::from(vec![quarter.clone(); 4])), same);
        assert_eq!(pixels(&photo(name), &json!([quarter, {"op": "rotate", "degrees": 270}])), same);
        for axis in ["horizontal", "vertical"] {
            assert_eq!(
                pixels(&photo(name), &json!([{"op": "flip", "axis": axis}, {"op": "flip", "axis": axis}])),
                same
            );
        }
        let half =
            pixels(&photo(name), &json!([{"op": "flip", "axis": "horizontal"}, {"op": "flip", "axis": "vertical"}]));
        assert_eq!(pixels(&photo(name), &json!([{"op": "rotate", "degrees": 180}])), half);
    }
}

/// The Gaussian by its definition, in double precision.
fn definition(raster: &Raster, sigma: f64) -> Vec<f64> {
    let Size { width, height } = raster.size();
    let (width, height) = (i64::from(width), i64::from(height));
    #[expect(clippy::cast_possible_truncation, reason = "small")]
    let radius = (5.0 * sigma).ceil() as i64;
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let weights: Vec<f64> = (-radius..=radius).map(|at| (-0.5 * (at as f64 / sigma).powi(2)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let pass = |samples: &[f64], across: bool| -> Vec<f64> {
        let at = |x: i64, y: i64, c: i64| {
            let (x, y) = (x.clamp(0, width - 1), y.clamp(0, height - 1));
            samples[usize::try_from((y * width + x) * 3 + c).unwrap()]
        };
        let places = (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..3).map(move |c| (x, y, c))));
        let blurred = places.map(|(x, y, c)| {
            let reach = |by: i64| if across { at(x + by, y, c) } else { at(x, y + by, c) };
            (-radius..=radius).zip(&weights).map(|(by, weight)| weight * reach(by)).sum::<f64>() / sum
        });
        blurred.collect()
    };
    let samples: Vec<f64> = raster.pixels().iter().map(|&sample| sample.into()).collect();
    pass(&pass(&samples, false), true)
}

#[test]
fn blur_keeps_its_error_bound_for_every_sigma() {
    // R53
    let crop = json!({"op": "crop", "x": 90, "y": 60, "width": 64, "height": 48});
    let source = pixels(&photo("coffee.png"), &json!([crop]));
    for (sigma, bound) in
        [(0.3, 0.6), (1.0, 0.6), (3.0, 0.6), (10.0, 0.6), (10.1, 1.0), (15.0, 1.0), (30.0, 1.0), (100.0, 1.0)]
    {
        let blurred = pixels(&photo("coffee.png"), &json!([crop, {"op": "blur", "sigma": sigma}]));
        let exact = definition(&source, sigma);
        let most = blurred
            .pixels()
            .iter()
            .zip(&exact)
            .map(|(&made, exact)| (f64::from(made) - exact).abs())
            .fold(0.0, f64::max);
        println!("sigma {sigma}: {most:.3}");
        assert!(most <= bound, "sigma {sigma}: {most}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_shape_goes_through_every_chain(
        (width, height) in prop_oneof![(1u32..6, 1u32..6), (1u32..3, 1u32..900), (1u32..900, 1u32..3), (1u32..90, 1u32..90)],
        chain in prop::collection::vec(prop_oneof![
            (1u32..70, 1u32..70, prop::sample::select(vec!["inside", "cover", "fill"]), any::<bool>())
                .prop_map(|(w, h, fit, enlarge)| json!({"op": "resize", "width": w, "height": h, "fit": fit, "enlarge": enlarge})),
            (0.3f64..100.0).prop_map(|sigma| json!({"op": "blur", "sigma": sigma})),
            (0.5f64..10.0, 0.0f64..5.0).prop_map(|(sigma, amount)| json!({"op": "sharpen", "sigma": sigma, "amount": amount})),
            Just(json!({"op": "rotate", "degrees": 90})),
            Just(json!({"op": "flip", "axis": "vertical"})),
            Just(json!({"op": "grayscale"})),
            Just(json!({"op": "crop", "width": 1, "height": 1, "gravity": "attention"})),
        ], 0..5),
        jpeg in any::<bool>(),
    ) {
        let samples: Vec<u8> = (0..width * height * 3).map(|at| (at * 37 % 251).to_le_bytes()[0]).collect();
        let mut file = png(width, height, &samples);
        if jpeg {
            file = crate::photos::run(&file, &json!([{"op": "format", "format": "jpeg"}])).unwrap().bytes;
        }
        let output = crate::photos::run(&file, &Value::from(chain)).unwrap();
        prop_assert!(output.width >= 1 && output.height >= 1);
    }
}
