//! Formats, metadata, names and qualities of what comes out.

use imaging::Limits;
use picture::{Format, Request, header};
use serde_json::{Value, json};

use crate::compare::difference;
use crate::photos::{decode, photo, pixels, run};

#[test]
fn all_variants_come_from_one_call_in_their_order() {
    // R53
    let variants = json!({
        "thumb": [{"op": "resize", "width": 64, "height": 64, "fit": "cover"}, {"op": "format", "format": "webp"}],
        "card": [{"op": "resize", "width": 200}, {"op": "sharpen", "sigma": 1, "amount": 0.5}],
        "grey": [{"op": "grayscale"}, {"op": "blur", "sigma": 20}, {"op": "rotate", "degrees": 90}, {"op": "format", "format": "png"}],
    });
    let request = Request::parse(None, Some(&variants)).unwrap();
    let outputs = imaging::transform(&photo("raccoon.jpg"), &request, &Limits::default()).unwrap();
    let facts: Vec<_> =
        outputs.iter().map(|output| (output.name.as_str(), output.width, output.height, output.format)).collect();
    assert_eq!(
        facts,
        [("thumb", 64, 64, Format::Webp), ("card", 200, 150, Format::Jpeg), ("grey", 384, 512, Format::Png)]
    );
    for output in &outputs {
        let size = decode(&output.bytes).size();
        assert_eq!((size.width, size.height), (output.width, output.height));
    }
}

#[test]
fn the_format_is_the_sources_unless_told() {
    // R53
    for (name, format) in [
        ("raccoon.jpg", Format::Jpeg),
        ("coffee.png", Format::Png),
        ("lossy.webp", Format::Webp),
        ("moving.gif", Format::Png),
    ] {
        let output = run(&photo(name), &json!([])).unwrap();
        assert_eq!(output.format, format, "{name}");
        let header = header::probe_whole(&output.bytes).admit().unwrap().unwrap();
        assert_eq!((header.format, header.size.width), (format, output.width), "{name}");
    }
}

#[test]
fn avif_is_written_with_and_without_alpha() {
    // R53
    for (name, width, height) in [("coffee.png", 48u32, 32u32), ("alpha.png", 48, 32)] {
        let output =
            run(&photo(name), &json!([{"op": "resize", "width": 48}, {"op": "format", "format": "avif"}])).unwrap();
        assert_eq!((output.width, output.height), (width, height));
        assert_eq!(&output.bytes[4..12], b"ftypavif");
        // the ispe box names the size
        let ispe = output.bytes.windows(4).position(|bytes| bytes == b"ispe").unwrap();
        assert_eq!(&output.bytes[ispe + 8..ispe + 16], [width.to_be_bytes(), height.to_be_bytes()].concat());
        assert_eq!(output.bytes.windows(5).any(|bytes| bytes == b"alpha"), name == "alpha.png");
    }
}

#[test]
fn quality_counts_and_its_defaults_are_those_of_the_contract() {
    // R53
    for (format, default) in [("jpeg", 82), ("webp", 80), ("avif", 55)] {
        let bytes = |quality: Option<u8>| {
            let mut operation = json!({"op": "format", "format": format});
            if let Some(quality) = quality {
                operation["quality"] = quality.into();
            }
            run(&photo("coffee.png"), &json!([{"op": "resize", "width": 96}, operation])).unwrap().bytes
        };
        assert_eq!(bytes(None), bytes(Some(default)), "{format}");
        assert!(bytes(Some(20)).len() < bytes(None).len() && bytes(None).len() < bytes(Some(98)).len(), "{format}");
    }
}

#[test]
fn a_re_encoded_picture_stays_what_it_was() {
    // R53
    for (name, psnr) in
        [("raccoon.jpg", 34.0), ("lossy.webp", 34.0), ("coffee.png", 90.0), ("alpha.png", 90.0), ("alpha.webp", 32.0)]
    {
        let output = run(&photo(name), &json!([])).unwrap();
        let found = difference(&decode(&output.bytes), &decode(&photo(name)));
        assert!(found.psnr > psnr, "{name}: {found:?}");
    }
}

#[test]
fn orientation_is_applied_and_gone() {
    // R53
    let output = run(&photo("orientation-6.jpg"), &json!([])).unwrap();
    assert_eq!((output.width, output.height), (512, 384));
    assert_eq!(header::probe_whole(&output.bytes).admit().unwrap().unwrap().orientation, picture::Orientation::UPRIGHT);
    let found = difference(&decode(&output.bytes), &decode(&photo("raccoon.jpg")));
    assert!(found.psnr > 28.0, "{found:?}");
    let turned = pixels(&photo("orientation-8.webp"), &json!([]));
    assert_eq!(turned, pixels(&photo("alpha.webp"), &json!([{"op": "rotate", "degrees": 270}])));
}

#[test]
fn no_metadata_is_in_any_output() {
    // R53
    for name in ["orientation-6.jpg", "display-p3.jpg", "orientation-8.webp"] {
        for format in ["jpeg", "png", "webp", "avif"] {
            let chain = json!([{"op": "resize", "width": 40}, {"op": "format", "format": format}]);
            let output = run(&photo(name), &chain).unwrap();
            for trace in [&b"Exif"[..], b"EXIF", b"eXIf", b"ICC_PROFILE", b"iCCP", b"ICCP", b"private", b"GPS", b"http"]
            {
                assert!(
                    !output.bytes.windows(trace.len()).any(|bytes| bytes == trace),
                    "{name} as {format}: {trace:?}"
                );
            }
        }
    }
}

#[test]
fn the_same_work_gives_the_same_bytes() {
    let chain: Value =
        json!([{"op": "resize", "width": 80}, {"op": "blur", "sigma": 30}, {"op": "format", "format": "webp"}]);
    assert_eq!(run(&photo("raccoon.jpg"), &chain).unwrap(), run(&photo("raccoon.jpg"), &chain).unwrap());
}

#[test]
fn attention_finds_the_detail() {
    // R53: all detail of this picture is in one corner
    let grey = |_| [128u8, 128, 128];
    let mut rows: Vec<[u8; 3]> = (0..200 * 100).map(grey).collect();
    for (x, y) in (140..180).flat_map(|x| (50..80).map(move |y| (x, y))) {
        rows[y * 200 + x] = if (x + y) % 2 == 0 { [255; 3] } else { [0; 3] };
    }
    let lines: Vec<u8> = rows.chunks(200).flat_map(|row| [vec![0], row.concat()].concat()).collect();
    let file = crate::made::png(&[
        (b"IHDR", crate::made::ihdr(200, 100, 2)),
        (b"IDAT", crate::made::stored(&lines)),
        (b"IEND", vec![]),
    ]);
    let window = pixels(&file, &json!([{"op": "crop", "width": 40, "height": 30, "gravity": "attention"}]));
    let plain = window.pixels().iter().map(|&sample| usize::from(sample == 128)).sum::<usize>();
    assert!(plain * 20 < window.pixels().len(), "{plain} plain samples of {}", window.pixels().len());
    // without any detail: the middle
    let flat = crate::made::png(&[
        (b"IHDR", crate::made::ihdr(20, 20, 2)),
        (b"IDAT", crate::made::stored(&[0; 20 * 61])),
        (b"IEND", vec![]),
    ]);
    assert_eq!(
        pixels(&flat, &json!([{"op": "crop", "width": 5, "height": 5, "gravity": "attention"}])).pixels(),
        [0; 75]
    );
}

#[test]
fn gravity_keeps_the_side_it_names() {
    // R53
    let corner =
        pixels(&photo("coffee.png"), &json!([{"op": "crop", "width": 70, "height": 50, "gravity": "south-east"}]));
    assert_eq!(
        corner,
        pixels(&photo("coffee.png"), &json!([{"op": "crop", "x": 230, "y": 150, "width": 70, "height": 50}]))
    );
}
