//! What headers say, whole, in pieces, broken, and with any bytes at all.

use model::error::Code;
use picture::header::{probe, probe_whole};
use picture::{Format, Header, Orientation, Probe, Prober, Size};
use proptest::prelude::*;

use crate::made;

fn upright(format: Format, width: u32, height: u32) -> Probe {
    Probe::Header(Header { format, size: Size { width, height }, orientation: Orientation::UPRIGHT })
}

/// The outcome when the bytes come one by one: the same as at once.
fn in_pieces(file: &[u8]) -> Probe {
    let mut prober = Prober::default();
    for byte in file {
        prober.push(&[*byte]);
    }
    let last = prober.push(&[]);
    assert_eq!(last, probe(file), "pieces and the whole must agree");
    last
}

#[test]
fn each_format_is_told_by_its_content() {
    // R53
    assert_eq!(
        in_pieces(&made::jpeg(640, 427, 3, &[(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")])),
        upright(Format::Jpeg, 640, 427)
    );
    assert_eq!(in_pieces(&made::jpeg(7, 9, 4, &[(0xee, b"Adobe\0d\0\0\0\0\x02")])), upright(Format::Jpeg, 7, 9));
    assert_eq!(in_pieces(&made::png(3, 5, &[])), upright(Format::Png, 3, 5));
    assert_eq!(in_pieces(&made::gif(300, 2)), upright(Format::Gif, 300, 2));
    let lossy = made::webp(&[(b"VP8 ", &[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xab, 0x01, 0, 0])]);
    assert_eq!(in_pieces(&lossy), upright(Format::Webp, 640, 427));
    let bits: u32 = (427 - 1) * 0x4000 + (640 - 1);
    let lossless = made::webp(&[(b"VP8L", &[&[0x2f][..], &bits.to_le_bytes(), &[0; 8]].concat())]);
    assert_eq!(in_pieces(&lossless), upright(Format::Webp, 640, 427));
    let extended = made::webp(&[(b"VP8X", &made::vp8x(0, 70_000, 20)), (b"VP8 ", &[0; 16])]);
    assert_eq!(in_pieces(&extended), upright(Format::Webp, 70_000, 20));
}

#[test]
fn orientation_is_read_from_each_format_and_turns_the_size() {
    // R53
    for value in 1..=8 {
        for big in [false, true] {
            let size = if value >= 5 { Size { width: 20, height: 30 } } else { Size { width: 30, height: 20 } };
            let expected = |format| Probe::Header(Header { format, size, orientation: Orientation::from_exif(value) });
            let xmp = [b"http://ns.adobe.com/xap/1.0/\0".to_vec(), vec![b' '; 60_000]].concat();
            let jpeg = made::jpeg(30, 20, 3, &[(0xe1, &xmp), (0xe1, &made::exif(value, big))]);
            assert_eq!(probe(&jpeg), expected(Format::Jpeg));
            let png = made::png(30, 20, &[(b"tEXt", b"a\0b"), (b"eXIf", &made::tiff(value, big))]);
            assert_eq!(in_pieces(&png), expected(Format::Png));
            let webp = made::webp(&[
                (b"VP8X", &made::vp8x(8, 30, 20)),
                (b"VP8 ", &[0; 101]),
                (b"EXIF", &made::exif(value, big)),
            ]);
            assert_eq!(in_pieces(&webp), expected(Format::Webp));
        }
    }
}

#[test]
fn a_header_says_the_stored_size_too() {
    let header =
        Header { format: Format::Jpeg, size: Size { width: 20, height: 30 }, orientation: Orientation::from_exif(6) };
    assert_eq!(header.stored_size(), Size { width: 30, height: 20 });
}

#[test]
fn little_is_kept_of_what_streams_by() {
    let mut prober = Prober::default();
    prober.push(&made::webp(&[(b"VP8X", &made::vp8x(8, 30, 20)), (b"VP8 ", &vec![0; 9_000_000])])[..40]);
    for _ in 0..100 {
        assert_eq!(prober.push(&vec![0; 65_536]), Probe::NeedMore);
    }
}

#[test]
fn what_is_no_picture_is_told_from_a_broken_one() {
    // R53
    for file in
        [&b""[..], b"<svg/>", b"%PDF-1.7", b"RIFF\x10\0\0\0WAVEfmt ", b"\x89PNG\r\n", b"GIF88a\x01\0\x01\0", b"BM"]
    {
        assert_eq!(probe_whole(file), Probe::NotAPicture, "{file:?}");
    }
    let whole = made::png(4, 4, &[]);
    for length in 12..whole.len() - 4 {
        assert!(matches!(probe_whole(&whole[..length]), Probe::BadHeader(_) | Probe::Header(_)), "{length}");
    }
    let mut flipped = whole;
    flipped[17] ^= 1;
    assert!(matches!(probe(&flipped), Probe::BadHeader(_)));
    for file in [
        made::gif(0, 3),
        made::jpeg(0, 3, 3, &[]),
        made::jpeg(3, 3, 2, &[]),
        b"\xff\xd8\xff\xda\0\x0c\0\0\0\0\0\0".to_vec(),
    ] {
        assert!(matches!(probe(&file), Probe::BadHeader(_)), "{file:?}");
    }
}

#[test]
fn too_many_pixels_are_refused_by_the_header_alone() {
    // R53
    let bombs = [made::png(50_000, 50_000, &[]), made::gif(65_535, 65_535), made::jpeg(65_500, 65_500, 3, &[])];
    let webp = made::webp(&[(b"VP8X", &made::vp8x(8, 16_000_000, 200)), (b"VP8 ", &[0; 16])]);
    for file in bombs.into_iter().chain([webp]) {
        let outcome = probe(&file[..file.len().min(60)]);
        assert!(matches!(outcome, Probe::TooManyPixels(_)), "{outcome:?}");
        assert_eq!(outcome.admit().unwrap_err().code, Code::TooManyPixels);
    }
    assert_eq!(probe(&made::png(10_000, 5_000, &[])), upright(Format::Png, 10_000, 5_000));
}

#[test]
fn outcomes_become_the_public_errors() {
    let error = Probe::NotAPicture.admit().unwrap_err();
    assert_eq!((error.code, error.code.http_status()), (Code::UnsupportedPicture, 415));
    let error = Probe::BadHeader("a side is 0").admit().unwrap_err();
    assert_eq!((error.code, error.fields.len()), (Code::InvalidInput, 1));
    assert_eq!(error.fields[0].location, model::Location::Pointer("/file".to_owned()));
    assert_eq!(Probe::NeedMore.admit().unwrap(), None);
}

/// Real beginnings, so that random changes reach deep.
fn seeds() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(made::jpeg(30, 20, 3, &[(0xe1, &made::exif(6, true))])),
        Just(made::png(30, 20, &[(b"eXIf", &made::tiff(6, false))])),
        Just(made::webp(&[(b"VP8X", &made::vp8x(8, 30, 20)), (b"VP8 ", &[0; 11]), (b"EXIF", &made::exif(6, true))])),
        Just(made::gif(30, 20)),
        Just(Vec::new()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_make_it_panic_and_pieces_agree_with_the_whole(
        seed in seeds(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        tail in prop::collection::vec(any::<u8>(), 0..200),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut file = [seed, tail].concat();
        for (place, byte) in changes {
            if !file.is_empty() {
                let at = place.index(file.len());
                file[at] = byte;
            }
        }
        let whole = probe_whole(&file);
        let mut prober = Prober::default();
        let at = if file.is_empty() { 0 } else { cut.index(file.len()) };
        prober.push(&file[..at]);
        prober.push(&file[at..]);
        prop_assert_eq!(prober.finish(), whole);
        if let Probe::Header(header) = whole {
            prop_assert!(header.size.pixels() > 0 && header.size.pixels() <= picture::MAX_PIXELS);
        }
    }
}
