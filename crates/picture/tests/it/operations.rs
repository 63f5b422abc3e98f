//! Reading operations: what is taken, and where each fault points.

use model::error::{Code, Error, Location};
use picture::{Form, Format, Operation, Request};
use proptest::prelude::*;
use serde_json::{Value, json};

fn pointers(error: &Error) -> Vec<String> {
    assert_eq!(error.code, Code::InvalidInput);
    let pointer = |location: &Location| match location {
        Location::Pointer(pointer) => pointer.clone(),
        other => panic!("{other:?}"),
    };
    error.fields.iter().map(|field| pointer(&field.location)).collect()
}

fn faults(operations: &Value) -> Vec<String> {
    Request::parse(Some(operations), None).map_or_else(|error| pointers(&error), |_| Vec::new())
}

#[test]
fn every_operation_of_the_contract_is_read_and_written_back() {
    // R53
    let chain = json!([
        {"op": "crop", "x": 10, "y": 0, "width": 300, "height": 200},
        {"op": "crop", "width": 200, "height": 200, "gravity": "north-east"},
        {"op": "crop", "width": 190, "height": 190, "gravity": "attention"},
        {"op": "resize", "width": 100, "height": 50, "fit": "cover", "enlarge": true},
        {"op": "sharpen", "sigma": 0.5, "amount": 5.0},
        {"op": "blur", "sigma": 100.0},
        {"op": "rotate", "degrees": 270},
        {"op": "flip", "axis": "horizontal"},
        {"op": "grayscale"},
        {"op": "format", "format": "avif", "quality": 40},
        {"op": "format", "format": "webp"},
    ]);
    let request = Request::parse(Some(&chain), None).unwrap();
    assert_eq!((request.form, request.variants[0].name.as_str()), (Form::Operations, "default"));
    assert_eq!(request.to_json(), json!({"variants": {"default": chain}}));
    assert_eq!(Request::from_json(&request.to_json()).unwrap().variants, request.variants);
    assert_eq!((request.variants[0].format(Format::Gif), request.variants[0].quality(Format::Gif)), (Format::Webp, 80));
}

#[test]
fn what_is_left_out_has_the_defaults() {
    let request = Request::parse(Some(&json!([{"op": "resize", "width": 512.0}])), None).unwrap();
    let canonical =
        json!({"variants": {"default": [{"op": "resize", "width": 512, "fit": "inside", "enlarge": false}]}});
    assert_eq!(request.to_json(), canonical);
    let empty = Request::parse(Some(&json!([])), None).unwrap();
    let formats = [(Format::Jpeg, 82), (Format::Webp, 80)];
    for (format, quality) in formats {
        assert_eq!((empty.variants[0].format(format), empty.variants[0].quality(format)), (format, quality));
    }
    assert_eq!(empty.variants[0].format(Format::Gif), Format::Png);
}

#[test]
fn every_fault_of_a_request_is_in_one_answer() {
    // R53
    let variants = json!({
        "thumb": [{"op": "sharpen", "sigma": 0.4, "amount": 1}, {"op": "blur", "sigma": "NaN", "radius~/": 3}],
        "Big": [],
        "card": {"op": "grayscale"},
    });
    let error = Request::parse(None, Some(&variants)).unwrap_err();
    assert_eq!(
        pointers(&error),
        [
            "/variants/thumb/0/sigma",
            "/variants/thumb/1/sigma",
            "/variants/thumb/1/radius~0~1",
            "/variants/Big",
            "/variants/card"
        ]
    );
}

#[test]
fn each_wrong_field_is_pointed_at() {
    // R53
    for (operation, expected) in [
        (json!("blur"), vec!["/operations/0"]),
        (json!({}), vec!["/operations/0/op"]),
        (json!({"op": "explode"}), vec!["/operations/0/op"]),
        (json!({"op": 3}), vec!["/operations/0/op"]),
        (json!({"op": "blur"}), vec!["/operations/0/sigma"]),
        (json!({"op": "blur", "sigma": null}), vec!["/operations/0/sigma"]),
        (json!({"op": "blur", "sigma": 100.1}), vec!["/operations/0/sigma"]),
        (json!({"op": "blur", "sigma": 0.29}), vec!["/operations/0/sigma"]),
        (json!({"op": "sharpen", "sigma": 11, "amount": -1}), vec!["/operations/0/sigma", "/operations/0/amount"]),
        (json!({"op": "rotate", "degrees": 45}), vec!["/operations/0/degrees"]),
        (json!({"op": "rotate", "degrees": "90"}), vec!["/operations/0/degrees"]),
        (json!({"op": "flip", "axis": "both"}), vec!["/operations/0/axis"]),
        (json!({"op": "grayscale", "amount": 1}), vec!["/operations/0/amount"]),
        (json!({"op": "format", "format": "gif"}), vec!["/operations/0/format"]),
        (json!({"op": "format", "format": "jpeg", "quality": 0}), vec!["/operations/0/quality"]),
        (json!({"op": "format", "format": "jpeg", "quality": 1.5}), vec!["/operations/0/quality"]),
        (
            json!({"op": "crop", "width": 0, "height": -1, "x": 0, "y": 0}),
            vec!["/operations/0/width", "/operations/0/height"],
        ),
        (json!({"op": "crop", "width": 1, "height": 1, "x": 0}), vec!["/operations/0/y"]),
        (json!({"op": "crop", "width": 1, "height": 1}), vec!["/operations/0/x"]),
        (json!({"op": "crop", "width": 1, "height": 1, "x": 0, "gravity": "north"}), vec!["/operations/0/x"]),
        (json!({"op": "crop", "width": 1, "height": 1, "gravity": "up"}), vec!["/operations/0/gravity"]),
        (json!({"op": "resize"}), vec!["/operations/0/width"]),
        (json!({"op": "resize", "width": 10, "fit": "cover"}), vec!["/operations/0/height"]),
        (json!({"op": "resize", "width": 10, "fit": "contain"}), vec!["/operations/0/fit"]),
        (json!({"op": "resize", "width": 10, "enlarge": "yes"}), vec!["/operations/0/enlarge"]),
        (json!({"op": "resize", "width": 50_000_001}), vec!["/operations/0/width"]),
    ] {
        assert_eq!(faults(&json!([operation])), expected, "{operation}");
    }
    assert_eq!(faults(&json!({"op": "blur"})), ["/operations"]);
}

#[test]
fn chains_and_variants_are_counted() {
    // R53
    let chain = |count| Value::from(vec![json!({"op": "grayscale"}); count]);
    assert!(faults(&chain(32)).is_empty());
    assert_eq!(faults(&chain(33)), ["/operations"]);
    let variants = |count: usize| Value::Object((0..count).map(|index| (format!("v{index}"), json!([]))).collect());
    assert!(Request::parse(None, Some(&variants(16))).is_ok());
    for wrong in [variants(17), variants(0), json!([])] {
        assert_eq!(pointers(&Request::parse(None, Some(&wrong)).unwrap_err()), ["/variants"]);
    }
}

#[test]
fn variant_names_are_plain() {
    let read = |name: &str| Request::parse(None, Some(&json!({name: []})));
    for name in ["a", "0", "thumb-2x", "a-", &"x".repeat(32)] {
        assert!(read(name).is_ok(), "{name}");
    }
    for name in ["", "-a", "A", "a_b", "../x", "ä", "a\0", &"x".repeat(33)] {
        assert!(read(name).is_err(), "{name}");
    }
}

#[test]
fn exactly_one_of_the_two_parts_is_wanted() {
    let chain = json!([]);
    for (operations, variants) in [(None, None), (Some(&chain), Some(&chain))] {
        assert_eq!(Request::parse(operations, variants).unwrap_err().code, Code::Malformed);
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "op", "crop", "resize", "sharpen", "blur", "width", "height", "sigma", "amount", "x", "y", "gravity", "format",
        "jpeg", "fit",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0u32..300).prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6).prop_map(|pairs| Value::Object(
                pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_answered_and_what_is_taken_comes_back_the_same(value in any_json()) {
        if let Ok(request) = Request::parse(Some(&value), None) {
            prop_assert_eq!(Request::from_json(&request.to_json()).unwrap().variants, request.variants);
        }
    }
}

#[test]
fn operations_are_what_they_say() {
    let request = Request::parse(Some(&json!([{"op": "sharpen", "sigma": 1, "amount": 2}])), None).unwrap();
    assert_eq!(request.variants[0].operations, [Operation::Sharpen { sigma: 1.0, amount: 2.0 }]);
}
