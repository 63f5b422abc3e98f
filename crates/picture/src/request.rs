//! What one upload asks for: named chains of operations.

use model::error::{Error, FieldError, Result};
use serde_json::{Map, Value};

use crate::follow::{self, Size};
use crate::operation::Operation;
use crate::{Draft, Format, parse};

/// How the request was written, which its errors point into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `operations`: one chain, named `default`.
    Operations,
    /// `variants`: chains by name.
    Variants,
}

impl Form {
    /// The JSON pointer of a chain.
    pub(crate) fn pointer(self, name: &str) -> String {
        match self {
            Self::Operations => "/operations".to_owned(),
            Self::Variants => format!("/variants/{}", parse::escape(name)),
        }
    }
}

/// One picture to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// `default`, or `[a-z0-9][a-z0-9-]{0,31}`.
    pub name: String,
    /// In the order in which they run.
    pub operations: Vec<Operation>,
}

impl Variant {
    /// The output's format for a source's.
    pub fn format(&self, source: Format) -> Format {
        self.last_format().map_or(source.as_output(), |(_, format, _)| format)
    }

    /// The output's quality, 1–100.
    pub fn quality(&self, source: Format) -> u8 {
        let asked = self.last_format().and_then(|(_, _, quality)| quality);
        asked.unwrap_or(self.format(source).default_quality())
    }

    fn last_format(&self) -> Option<(usize, Format, Option<u8>)> {
        let mut numbered = self.operations.iter().enumerate().rev();
        numbered.find_map(|(index, operation)| match *operation {
            Operation::Format { format, quality } => Some((index, format, quality)),
            _ => None,
        })
    }
}

/// What a variant will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The variant's name.
    pub name: String,
    /// Its size in pixels.
    pub size: Size,
    /// Its format.
    pub format: Format,
}

/// What one upload asks for; at least one variant.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// How it was written.
    pub form: Form,
    /// What to make, in the order given.
    pub variants: Vec<Variant>,
}

impl Request {
    /// Reads the two parts of the upload's form, of which exactly one must be there.
    ///
    /// # Errors
    /// `MALFORMED` for none or both, `INVALID_INPUT` with all that is wrong.
    pub fn parse(operations: Option<&Value>, variants: Option<&Value>) -> Result<Self> {
        Draft::read(operations, variants)?.finish(None)
    }

    /// Reads what [`Request::to_json`] wrote.
    ///
    /// # Errors
    /// As [`Request::parse`].
    pub fn from_json(value: &Value) -> Result<Self> {
        Self::parse(value.get("operations"), value.get("variants"))
    }

    /// The canonical JSON, `{"variants": {name: [operation, …]}}`.
    pub fn to_json(&self) -> Value {
        let chain = |variant: &Variant| variant.operations.iter().map(Operation::to_json).collect();
        let variants: Map<String, Value> =
            self.variants.iter().map(|variant| (variant.name.clone(), Value::Array(chain(variant)))).collect();
        Value::Object(Map::from_iter([("variants".to_owned(), Value::Object(variants))]))
    }

    /// Follows the sizes through every chain, from the upright source.
    ///
    /// # Errors
    /// `INVALID_INPUT` with what the first operation of each chain that cannot be done has wrong: a crop outside, too many pixels, a side too long for the format.
    pub fn follow(&self, source: Size, format: Format) -> Result<Vec<Output>> {
        let mut faults = Vec::new();
        let mut outputs = Vec::with_capacity(self.variants.len());
        for variant in &self.variants {
            match self.follow_one(variant, source, format) {
                Ok(output) => outputs.push(output),
                Err(found) => faults.extend(found),
            }
        }
        if faults.is_empty() { Ok(outputs) } else { Err(Error::invalid(faults)) }
    }

    fn follow_one(
        &self,
        variant: &Variant,
        source: Size,
        format: Format,
    ) -> std::result::Result<Output, Vec<FieldError>> {
        let pointer = self.form.pointer(&variant.name);
        let mut size = source;
        for (index, operation) in variant.operations.iter().enumerate() {
            size = follow::step(size, operation).map_err(|fault| fault.at(&format!("{pointer}/{index}")))?;
        }
        let output = variant.format(format);
        if !follow::fits(size, output) {
            let place =
                variant.last_format().map_or(pointer.clone(), |(index, ..)| format!("{pointer}/{index}/format"));
            let (word, most) = (output.as_str(), output.max_side());
            return Err(vec![FieldError::at(
                place,
                format!("A {word} has sides of at most {most} pixels; this would be {} x {}.", size.width, size.height),
            )]);
        }
        Ok(Output { name: variant.name.clone(), size, format: output })
    }
}
