//! A request while it is read: what is wrong with it is kept until the source is known too, so that one answer tells it all.

use model::error::{Code, Error, FieldError, Result};
use serde_json::Value;

use crate::follow::{self, Size};
use crate::parse::{self, Step};
use crate::request::{Form, Request, Variant};
use crate::{Format, MAX_VARIANTS};

/// What was read of a request, some of which may be wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    form: Form,
    chains: Vec<(String, Vec<Step>)>,
    faults: Vec<FieldError>,
}

impl Draft {
    /// Reads the two parts of the upload's form, of which exactly one must be there.
    ///
    /// # Errors
    /// `MALFORMED` for none or both. What is wrong with the fields waits for [`Draft::finish`].
    pub fn read(operations: Option<&Value>, variants: Option<&Value>) -> Result<Self> {
        let mut faults = Vec::new();
        let (form, chains) = match (operations, variants) {
            (Some(value), None) => {
                let steps = parse::chain(value, &Form::Operations.pointer(""), &mut faults);
                (Form::Operations, vec![("default".to_owned(), steps)])
            }
            (None, Some(value)) => (Form::Variants, read_variants(value, &mut faults)),
            _ => {
                return Err(Error::new(Code::Malformed, "Send one part named operations, or one named variants."));
            }
        };
        Ok(Self { form, chains, faults })
    }

    /// The request, its sizes followed through every chain where the upright source is known.
    ///
    /// # Errors
    /// `INVALID_INPUT` with all that is wrong with the fields, and with what [`Request::follow`] finds as far as sizes are known.
    pub fn finish(mut self, source: Option<(Size, Format)>) -> Result<Request> {
        if !self.faults.is_empty() {
            if let Some((size, _)) = source {
                let found = |(name, steps): &(String, Vec<Step>)| first_fault(&self.form.pointer(name), steps, size);
                self.faults.extend(self.chains.iter().filter_map(found).flatten());
            }
            return Err(Error::invalid(self.faults));
        }
        let good = |step| match step {
            Step::Good(operation) => Some(operation),
            Step::WrongOfSameSize | Step::Wrong => None,
        };
        let variant = |(name, steps): (String, Vec<Step>)| Variant {
            name,
            operations: steps.into_iter().filter_map(good).collect(),
        };
        let request = Request { form: self.form, variants: self.chains.into_iter().map(variant).collect() };
        if let Some((size, format)) = source {
            request.follow(size, format)?;
        }
        Ok(request)
    }
}

/// What the first operation that cannot be done has wrong, up to where the size is no longer known.
fn first_fault(pointer: &str, steps: &[Step], mut size: Size) -> Option<Vec<FieldError>> {
    for (index, step) in steps.iter().enumerate() {
        match step {
            Step::Good(operation) => match follow::step(size, operation) {
                Ok(after) => size = after,
                Err(fault) => return Some(fault.at(&format!("{pointer}/{index}"))),
            },
            Step::WrongOfSameSize => {}
            Step::Wrong => return None,
        }
    }
    None
}

fn read_variants(value: &Value, faults: &mut Vec<FieldError>) -> Vec<(String, Vec<Step>)> {
    let Some(map) = value.as_object() else {
        faults.push(FieldError::at("/variants", "Give an object of chains by name."));
        return Vec::new();
    };
    if map.is_empty() || map.len() > MAX_VARIANTS {
        let detail = format!("Give 1 to {MAX_VARIANTS} variants; these are {}.", map.len());
        faults.push(FieldError::at("/variants", detail));
    }
    let read = |(name, chain): (&String, &Value)| {
        let pointer = Form::Variants.pointer(name);
        if !is_name(name) {
            let detail = "Name a variant with 1 to 32 of a-z, 0-9 and -, not beginning with -.";
            faults.push(FieldError::at(&*pointer, detail));
        }
        (name.clone(), parse::chain(chain, &pointer, faults))
    };
    map.iter().take(MAX_VARIANTS).map(read).collect()
}

/// `[a-z0-9][a-z0-9-]{0,31}`.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= 32 && name.bytes().next().is_some_and(plain) && name.bytes().all(|byte| plain(byte) || byte == b'-')
}
