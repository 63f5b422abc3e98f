//! JSON to operations, with every fault of a chain in one answer.

use model::error::FieldError;
use serde_json::{Map, Value};

use crate::operation::{Axis, Crop, Fit, Gravity, Operation, Place, Quarter, Resize};
use crate::{Format, MAX_OPERATIONS, MAX_PIXELS};

/// One operation as it was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// Understood.
    Good(Operation),
    /// Wrong, but of a kind that leaves the size as it is.
    WrongOfSameSize,
    /// Wrong, and what it would make of the size is not known.
    Wrong,
}

/// Reads a chain that stands at `pointer`. What is wrong goes to `faults`; the chain is whole only if nothing was.
pub fn chain(value: &Value, pointer: &str, faults: &mut Vec<FieldError>) -> Vec<Step> {
    let Some(items) = value.as_array() else {
        faults.push(FieldError::at(pointer, "Give an array of operations."));
        return Vec::new();
    };
    if items.len() > MAX_OPERATIONS {
        faults.push(FieldError::at(
            pointer,
            format!("Give at most {MAX_OPERATIONS} operations; these are {}.", items.len()),
        ));
    }
    let numbered = items.iter().take(MAX_OPERATIONS).enumerate();
    let step = |(index, item): (usize, &Value)| match operation(item, format!("{pointer}/{index}"), faults) {
        Some(operation) => Step::Good(operation),
        None if keeps_the_size(item) => Step::WrongOfSameSize,
        None => Step::Wrong,
    };
    numbered.map(step).collect()
}

fn keeps_the_size(value: &Value) -> bool {
    let op = value.get("op").and_then(Value::as_str);
    matches!(op, Some("sharpen" | "blur" | "flip" | "grayscale" | "format"))
}

fn operation(value: &Value, pointer: String, faults: &mut Vec<FieldError>) -> Option<Operation> {
    let Some(map) = value.as_object() else {
        faults.push(FieldError::at(pointer, "Give an object with a field \"op\"."));
        return None;
    };
    let mut fields = Fields { map, pointer, seen: Vec::new(), faults };
    let operation = match fields.text("op")? {
        "crop" => crop(&mut fields),
        "resize" => resize(&mut fields),
        "sharpen" => sharpen(&mut fields),
        "blur" => fields.number("sigma", 0.3, 100.0).map(|sigma| Operation::Blur { sigma }),
        "rotate" => rotate(&mut fields),
        "flip" => fields.word("axis", &Axis::WORDS).map(Operation::Flip),
        "grayscale" => Some(Operation::Grayscale),
        "format" => format(&mut fields),
        _ => {
            let ops = "crop, resize, sharpen, blur, rotate, flip, grayscale, format";
            fields.fault("op", format!("There is no such operation. Give one of {ops}."));
            return None;
        }
    };
    fields.refuse_unknown();
    operation
}

fn crop(fields: &mut Fields<'_>) -> Option<Operation> {
    let (width, height) = (fields.integer("width", 1, MAX_PIXELS), fields.integer("height", 1, MAX_PIXELS));
    let place = if fields.has("gravity") {
        for corner in ["x", "y"] {
            if fields.has(corner) {
                fields.seen.push(corner);
                fields.fault(corner, "Give x and y, or gravity, not both.");
            }
        }
        gravity(fields)
    } else if fields.has("x") || fields.has("y") {
        let (x, y) = (fields.integer("x", 0, MAX_PIXELS), fields.integer("y", 0, MAX_PIXELS));
        x.zip(y).map(|(x, y)| Place::At { x, y })
    } else {
        fields.fault("x", "Say where to crop: give x and y, or gravity.");
        None
    };
    Some(Operation::Crop(Crop { width: width?, height: height?, place: place? }))
}

fn gravity(fields: &mut Fields<'_>) -> Option<Place> {
    const ATTENTION: (&str, Place) = ("attention", Place::Attention);
    let mut words = Vec::from(Gravity::WORDS.map(|(word, gravity)| (word, Place::Gravity(gravity))));
    words.push(ATTENTION);
    fields.word("gravity", &words)
}

fn resize(fields: &mut Fields<'_>) -> Option<Operation> {
    let before = fields.faults.len();
    let width = fields.has("width").then(|| fields.integer("width", 1, MAX_PIXELS)).flatten();
    let height = fields.has("height").then(|| fields.integer("height", 1, MAX_PIXELS)).flatten();
    let fit = if fields.has("fit") { fields.word("fit", &Fit::WORDS)? } else { Fit::Inside };
    let enlarge = fields.flag("enlarge").unwrap_or(false);
    if !fields.has("width") && !fields.has("height") {
        fields.fault("width", "Give a width, a height, or both.");
    } else if fit != Fit::Inside {
        for side in ["width", "height"] {
            if !fields.has(side) {
                fields.fault(side, "This fit needs both width and height.");
            }
        }
    }
    (fields.faults.len() == before).then_some(Operation::Resize(Resize { width, height, fit, enlarge }))
}

fn sharpen(fields: &mut Fields<'_>) -> Option<Operation> {
    let (sigma, amount) = (fields.number("sigma", 0.5, 10.0), fields.number("amount", 0.0, 5.0));
    Some(Operation::Sharpen { sigma: sigma?, amount: amount? })
}

fn rotate(fields: &mut Fields<'_>) -> Option<Operation> {
    let degrees = fields.integer("degrees", 0, 360)?;
    let quarter =
        [Quarter::Once, Quarter::Twice, Quarter::Thrice].into_iter().find(|quarter| quarter.degrees() == degrees);
    if quarter.is_none() {
        fields.fault("degrees", "Give 90, 180 or 270.");
    }
    quarter.map(Operation::Rotate)
}

fn format(fields: &mut Fields<'_>) -> Option<Operation> {
    let words = [Format::Jpeg, Format::Png, Format::Webp, Format::Avif].map(|format| (format.as_str(), format));
    let format = fields.word("format", &words);
    let quality = if fields.has("quality") { Some(fields.integer("quality", 1, 100)?) } else { None };
    Some(Operation::Format { format: format?, quality: quality.and_then(|quality| u8::try_from(quality).ok()) })
}

/// The fields of one operation: what was asked for is known, the rest is refused.
struct Fields<'a> {
    map: &'a Map<String, Value>,
    pointer: String,
    seen: Vec<&'static str>,
    faults: &'a mut Vec<FieldError>,
}

impl<'a> Fields<'a> {
    fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    fn fault(&mut self, name: &str, detail: impl Into<String>) {
        self.faults.push(FieldError::at(format!("{}/{}", self.pointer, escape(name)), detail));
    }

    fn get(&mut self, name: &'static str) -> Option<&'a Value> {
        self.seen.push(name);
        let value = self.map.get(name);
        if value.is_none() {
            self.fault(name, "This field is needed.");
        }
        value
    }

    fn text(&mut self, name: &'static str) -> Option<&'a str> {
        let text = self.get(name)?.as_str();
        if text.is_none() {
            self.fault(name, "Give a text.");
        }
        text
    }

    fn number(&mut self, name: &'static str, least: f64, most: f64) -> Option<f64> {
        let number = self.get(name)?.as_f64().filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.fault(name, format!("Give a number from {least} to {most}."));
        }
        number
    }

    /// A whole number; `20.0` is one too, as in JSON Schema.
    fn integer(&mut self, name: &'static str, least: u64, most: u64) -> Option<u32> {
        let value = self.get(name)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and in range, checked before"
        )]
        let whole = |number: &f64| (number.fract() == 0.0 && (0.0..=1e9).contains(number)).then_some(*number as u64);
        let number = value.as_u64().or_else(|| value.as_f64().as_ref().and_then(whole));
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.fault(name, format!("Give a whole number from {least} to {most}."));
        }
        number.and_then(|number| u32::try_from(number).ok())
    }

    /// An optional true or false.
    fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.seen.push(name);
        let flag = self.map.get(name)?.as_bool();
        if flag.is_none() {
            self.fault(name, "Give true or false.");
        }
        flag
    }

    fn word<T: Copy>(&mut self, name: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let value = self.get(name)?;
        let found = words.iter().find(|(word, _)| value.as_str() == Some(word));
        if found.is_none() {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault(name, format!("Give one of {}.", all.join(", ")));
        }
        found.map(|(_, value)| *value)
    }

    fn refuse_unknown(&mut self) {
        let map = self.map;
        for name in map.keys() {
            if name != "op" && !self.seen.contains(&name.as_str()) {
                self.fault(name, "This operation has no such field.");
            }
        }
    }
}

/// A name as a part of a JSON pointer (RFC 6901).
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
