//! The committed photographs, and calls in the shape that tests want.

use std::path::Path;

use imaging::{Error, Limits, Output, Raster};
use picture::Request;
use serde_json::Value;

/// A file below `tests/`.
pub fn read(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)).unwrap()
}

/// A photograph.
pub fn photo(name: &str) -> Vec<u8> {
    read(&format!("photos/{name}"))
}

/// Whole, upright, sRGB.
pub fn decode(file: &[u8]) -> Raster {
    imaging::decode(file, &Limits::default()).unwrap()
}

/// What one chain makes of a file.
pub fn run(file: &[u8], chain: &Value) -> Result<Output, Error> {
    let request = Request::parse(Some(chain), None).unwrap();
    imaging::transform(file, &request, &Limits::default()).map(|mut outputs| outputs.remove(0))
}

/// The pixels that one chain makes, losslessly.
pub fn pixels(file: &[u8], chain: &Value) -> Raster {
    let mut chain = chain.clone();
    chain.as_array_mut().unwrap().push(serde_json::json!({"op": "format", "format": "png"}));
    decode(&run(file, &chain).unwrap().bytes)
}
