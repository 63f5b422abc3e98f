//! Sizes through chains.

use model::error::Location;
use picture::{Draft, Form, Format, Output, Request, Size};
use proptest::prelude::*;
use serde_json::{Value, json};

fn size(width: u32, height: u32) -> Size {
    Size { width, height }
}

fn after(source: Size, chain: &Value) -> Result<Size, String> {
    let request = Request::parse(Some(chain), None).unwrap();
    match request.follow(source, Format::Png) {
        Ok(outputs) => Ok(outputs[0].size),
        Err(error) => match &error.fields[0].location {
            Location::Pointer(pointer) => Err(pointer.clone()),
            other => panic!("{other:?}"),
        },
    }
}

#[test]
fn resize_follows_the_rules_of_the_contract() {
    // R53
    for (source, resize, expected) in [
        (size(4000, 3000), json!({"width": 512}), size(512, 384)),
        (size(4000, 3000), json!({"height": 512}), size(683, 512)),
        (size(4000, 3000), json!({"width": 512, "height": 512}), size(512, 384)),
        (size(3000, 4000), json!({"width": 512, "height": 512}), size(384, 512)),
        (size(4000, 3000), json!({"width": 512, "height": 512, "fit": "cover"}), size(512, 512)),
        (size(4000, 3000), json!({"width": 512, "height": 300, "fit": "fill"}), size(512, 300)),
        // half rounds up, nothing becomes 0
        (size(4, 3), json!({"width": 2}), size(2, 2)),
        (size(1000, 1), json!({"width": 10}), size(10, 1)),
        // no side above the source's unless asked for
        (size(100, 50), json!({"width": 200}), size(100, 50)),
        (size(100, 50), json!({"width": 200, "enlarge": true}), size(200, 100)),
        (size(100, 50), json!({"width": 200, "height": 20, "fit": "fill"}), size(100, 20)),
        (size(100, 50), json!({"width": 80, "height": 80, "fit": "cover"}), size(80, 50)),
        (size(100, 50), json!({"width": 80, "height": 80, "fit": "cover", "enlarge": true}), size(80, 80)),
        (size(100, 50), json!({"width": 300, "height": 300, "enlarge": true}), size(300, 150)),
    ] {
        let mut operation = resize.clone();
        operation["op"] = "resize".into();
        assert_eq!(after(source, &json!([operation])), Ok(expected), "{resize}");
    }
}

#[test]
fn a_crop_outside_is_refused_where_it_happens() {
    // R53
    let crop = |x, y, width, height| json!({"op": "crop", "x": x, "y": y, "width": width, "height": height});
    let source = size(100, 50);
    assert_eq!(after(source, &json!([crop(0, 0, 100, 50)])), Ok(source));
    assert_eq!(after(source, &json!([crop(1, 0, 100, 50)])), Err("/operations/0/width".to_owned()));
    assert_eq!(after(source, &json!([crop(0, 50, 1, 1)])), Err("/operations/0/y".to_owned()));
    let turned = json!([{"op": "rotate", "degrees": 90}, crop(0, 0, 50, 100), {"op": "crop", "width": 51, "height": 1, "gravity": "south"}]);
    assert_eq!(after(source, &turned), Err("/operations/2/width".to_owned()));
    let resized = json!([{"op": "resize", "width": 10}, {"op": "blur", "sigma": 1}, crop(0, 0, 10, 6)]);
    assert_eq!(after(source, &resized), Err("/operations/2/height".to_owned()));
}

#[test]
fn no_step_may_exceed_the_pixel_limit() {
    // R53
    let chain = json!([{"op": "resize", "width": 10_001, "height": 5_000, "fit": "fill", "enlarge": true}, {"op": "resize", "width": 1}]);
    assert_eq!(after(size(10, 10), &chain), Err("/operations/0/width".to_owned()));
    assert_eq!(
        after(size(1, 50_000), &json!([{"op": "resize", "height": 50_000_000, "enlarge": true}])),
        Err("/operations/0/height".to_owned())
    );
}

#[test]
fn a_format_with_shorter_sides_is_refused() {
    let source = size(20_000, 10);
    assert_eq!(after(source, &json!([])), Ok(source));
    assert_eq!(after(source, &json!([{"op": "format", "format": "webp"}])), Err("/operations/0/format".to_owned()));
}

#[test]
fn each_variant_is_followed_and_all_faults_are_named() {
    let variants = json!({
        "small": [{"op": "resize", "width": 10}, {"op": "format", "format": "avif"}],
        "turned": [{"op": "rotate", "degrees": 270}],
    });
    let request = Request::parse(None, Some(&variants)).unwrap();
    assert_eq!(request.form, Form::Variants);
    let outputs = request.follow(size(100, 50), Format::Gif).unwrap();
    let output = |name: &str, size, format| Output { name: name.to_owned(), size, format };
    assert_eq!(outputs, [output("small", size(10, 5), Format::Avif), output("turned", size(50, 100), Format::Png)]);

    let outside = json!([{"op": "crop", "x": 0, "y": 0, "width": 101, "height": 1}]);
    let both = json!([{"op": "crop", "x": 99, "y": 50, "width": 2, "height": 1}]);
    let request = Request::parse(None, Some(&json!({"a": outside, "b": [], "c": both}))).unwrap();
    let error = request.follow(size(100, 50), Format::Jpeg).unwrap_err();
    let pointers: Vec<_> = error.fields.into_iter().map(|field| field.location).collect();
    assert_eq!(
        pointers,
        ["/variants/a/0/width", "/variants/c/0/width", "/variants/c/0/y"]
            .map(|pointer| Location::Pointer(pointer.to_owned()))
    );
}

#[test]
fn sizes_are_followed_as_far_as_they_are_known_where_something_else_is_wrong() {
    let crop = |width, height| json!({"op": "crop", "width": width, "height": height, "gravity": "north"});
    let no_blur = json!({"op": "blur", "sigma": 0});
    let variants = json!({
        "a": [no_blur, crop(101, 1)],
        "b": [crop(1, 51), {"op": "rotate", "degrees": 45}],
        "c": [{"op": "resize", "width": 0}, crop(101, 1)],
        "d": [{"op": "explode"}, crop(101, 1)],
        "~/": [crop(101, 51)],
    });
    let draft = Draft::read(None, Some(&variants)).unwrap();
    let pointers = |error: model::Error| -> Vec<String> {
        let mut all: Vec<_> = error.fields.into_iter().map(|field| format!("{:?}", field.location)).collect();
        all.sort();
        all
    };
    let expected = |pointers: &[&str]| -> Vec<String> {
        pointers.iter().map(|pointer| format!("{:?}", Location::Pointer((*pointer).to_owned()))).collect()
    };
    let read = ["/variants/a/0/sigma", "/variants/b/1/degrees", "/variants/c/0/width", "/variants/d/0/op"];
    let unnamed = pointers(draft.clone().finish(None).unwrap_err());
    assert_eq!(unnamed, expected(&[&read[..], &["/variants/~0~1"]].concat()));
    assert_eq!(
        pointers(draft.finish(Some((size(100, 50), Format::Png))).unwrap_err()),
        expected(&[
            "/variants/a/0/sigma",
            "/variants/a/1/width",
            "/variants/b/0/height",
            "/variants/b/1/degrees",
            "/variants/c/0/width",
            "/variants/d/0/op",
            "/variants/~0~1",
            "/variants/~0~1/0/height",
            "/variants/~0~1/0/width",
        ])
    );
}

proptest! {
    #[test]
    fn a_resize_never_exceeds_what_was_asked_or_the_source(
        (width, height) in (1u32..5_000, 1u32..5_000),
        (to_width, to_height) in (1u32..6_000, 1u32..6_000),
        fit in prop::sample::select(vec!["inside", "cover", "fill"]),
    ) {
        let chain = json!([{"op": "resize", "width": to_width, "height": to_height, "fit": fit}]);
        let result = after(size(width, height), &chain).unwrap();
        prop_assert!(result.width >= 1 && result.width <= to_width.min(width));
        prop_assert!(result.height >= 1 && result.height <= to_height.min(height));
        if fit != "inside" {
            prop_assert_eq!(result, size(to_width.min(width), to_height.min(height)));
        }
    }
}
