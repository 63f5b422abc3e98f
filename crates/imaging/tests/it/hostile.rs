//! Broken, lying and malicious files: an error that says so, soon, and never half a picture.

use std::time::Instant;

use imaging::{Error, Limits};
use model::error::{Code, Error as Public};
use picture::Request;
use proptest::prelude::*;
use serde_json::json;

use crate::made;
use crate::photos::{decode, photo, run};

fn code(file: &[u8]) -> Code {
    Public::from(run(file, &json!([{"op": "resize", "width": 32}])).unwrap_err()).code
}

const PHOTOS: [&str; 12] = [
    "raccoon.jpg",
    "progressive.jpg",
    "grey.jpg",
    "cmyk.jpg",
    "coffee.png",
    "sixteen.png",
    "palette.png",
    "alpha.png",
    "lossy.webp",
    "lossless.webp",
    "alpha.webp",
    "moving.gif",
];

#[test]
fn a_truncated_picture_is_an_error_wherever_it_is_cut() {
    // R53
    for name in PHOTOS {
        let whole = photo(name);
        // the first frame of the GIF is whole before its end
        let end = if name == "moving.gif" { whole.len() / 3 } else { whole.len() - 1 };
        for cut in (1..20).map(|part| end * part / 20).chain([end]) {
            let Err(error) = run(&whole[..cut], &json!([])) else { panic!("{name} cut at {cut} of {}", whole.len()) };
            assert!(error.is_final(), "{name} cut at {cut}: {error}");
            let public = Public::from(error);
            assert!(
                matches!(public.code, Code::InvalidInput | Code::UnsupportedPicture),
                "{name} cut at {cut}: {public}"
            );
        }
    }
}

#[test]
fn damage_within_a_jpeg_is_an_error_too() {
    // R53
    let mut file = photo("raccoon.jpg");
    let middle = file.len() / 2;
    file[middle..middle + 200].fill(0xff);
    assert_eq!(code(&file), Code::InvalidInput);
}

#[test]
fn empty_and_foreign_files_are_no_pictures() {
    // R53
    for file in [
        &b""[..],
        b"\0",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.4\n",
        b"II*\0\x08\0\0\0\0\0\0\0",
    ] {
        assert_eq!(code(file), Code::UnsupportedPicture, "{file:?}");
    }
}

#[test]
fn pixel_bombs_are_refused_by_their_headers() {
    // R53
    let started = Instant::now();
    let png =
        made::png(&[(b"IHDR", made::ihdr(50_000, 50_000, 2)), (b"IDAT", made::zlib_bomb(1_000)), (b"IEND", vec![])]);
    assert_eq!(code(&png), Code::TooManyPixels);
    assert_eq!(code(&made::gif((65_535, 65_535), (0, 0), (1, 1))), Code::TooManyPixels);
    let webp = [&b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"[..], &[0xff; 6]].concat();
    assert_eq!(code(&webp), Code::TooManyPixels);
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn a_bomb_in_a_text_chunk_is_not_even_inflated() {
    // R53
    let text = [b"Comment\0\0".to_vec(), made::zlib_bomb(20_000)].concat();
    let pixels = made::stored(&[0, 1, 2, 3, 0, 4, 5, 6]);
    let file = made::png(&[
        (b"IHDR", made::ihdr(1, 2, 2)),
        (b"zTXt", text.clone()),
        (b"IDAT", pixels),
        (b"zTXt", text),
        (b"IEND", vec![]),
    ]);
    let started = Instant::now();
    assert_eq!(decode(&file).pixels(), [1, 2, 3, 4, 5, 6]);
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn data_beyond_a_pngs_size_and_too_little_of_it_are_told() {
    // R53
    let small =
        made::png(&[(b"IHDR", made::ihdr(100, 100, 2)), (b"IDAT", made::stored(&[0; 1_000])), (b"IEND", vec![])]);
    assert_eq!(code(&small), Code::InvalidInput);
}

#[test]
fn a_gif_frame_off_its_canvas_is_clipped() {
    // R53
    let raster = decode(&made::gif((6, 4), (2, 1), (9, 9)));
    assert!(raster.has_alpha());
    let pixel = |x: usize, y: usize| &raster.pixels()[(y * 6 + x) * 4..][..4];
    assert_eq!(
        (pixel(1, 1), pixel(2, 1), pixel(5, 3)),
        (&[0, 0, 0, 0][..], &[10, 10, 200, 255][..], &[10, 10, 200, 255][..])
    );
    assert_eq!(decode(&made::gif((6, 4), (60, 40), (2, 2))).pixels(), [0; 96]);
}

#[test]
fn a_file_is_what_its_content_is_and_nothing_else_survives() {
    // R53: a JPEG that is also a script and an archive
    let mut file = photo("raccoon.jpg");
    file.extend(b"<script>alert(1)</script>PK\x03\x04");
    let output = run(&file, &json!([])).unwrap();
    assert_eq!(output.format, picture::Format::Jpeg);
    assert!(!output.bytes.windows(7).any(|bytes| bytes == b"<script"));
    let gif = [b"GIF89a=1;/*".to_vec(), photo("raccoon.jpg")].concat();
    assert_ne!(code(&gif), Code::Internal);
}

#[test]
fn memory_is_bounded_before_it_is_taken() {
    let request = Request::parse(Some(&json!([])), None).unwrap();
    let limits = Limits { max_bytes: 100_000, ..Limits::default() };
    assert!(matches!(imaging::transform(&photo("coffee.png"), &request, &limits), Err(Error::Memory { .. })));
    let limits = Limits { max_pixels: 1_000, ..Limits::default() };
    let error = imaging::transform(&photo("coffee.png"), &request, &limits).unwrap_err();
    assert_eq!(Public::from(error).code, Code::TooManyPixels);
}

#[test]
fn a_request_that_does_not_fit_the_picture_is_refused() {
    let chain = json!([{"op": "crop", "x": 0, "y": 0, "width": 5_000, "height": 1}]);
    let error = Public::from(run(&photo("coffee.png"), &chain).unwrap_err());
    assert_eq!((error.code, error.fields.len()), (Code::InvalidInput, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_damage_makes_it_panic_or_lie_about_the_size(
        name in prop::sample::select(PHOTOS.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..8),
    ) {
        let mut file = photo(name);
        for (place, byte, early) in changes {
            let reach = if early { file.len().min(200) } else { file.len() };
            let at = place.index(reach);
            file[at] = byte;
        }
        match run(&file, &json!([{"op": "resize", "width": 16}])) {
            Ok(output) => {
                let made = decode(&output.bytes).size();
                prop_assert_eq!((made.width, made.height), (output.width, output.height));
            }
            Err(error) => prop_assert!(!matches!(error, Error::Encoding(_)), "{}", error),
        }
    }
}
