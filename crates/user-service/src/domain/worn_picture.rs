//! Which variant of an image a profile wears.

use model::{
    Code, Error, Location, Result,
    image::{Image, ImageStatus, Variant},
};

/// The variant to wear. Where there are several the caller has to name one; `name` may be empty where there is one.
pub fn choose<'a>(image: &'a Image, name: &str) -> Result<&'a Variant> {
    if image.status != ImageStatus::Done {
        return Err(Error::new(
            Code::PictureNotReady,
            "The picture is not done. Wait for the done event of the image, then try again.",
        ));
    }
    match image.variants.as_slice() {
        [only] if name.is_empty() => Ok(only),
        _ if name.is_empty() => Err(invalid("is needed: the image has several variants", image)),
        variants => variants
            .iter()
            .find(|variant| variant.name == name)
            .ok_or_else(|| invalid("is none of the image's variants", image)),
    }
}

fn invalid(what: &str, image: &Image) -> Error {
    let names = image.variants.iter().map(|variant| variant.name.as_str()).collect::<Vec<_>>().join(", ");
    Error::invalid(Vec::new()).field(Location::Pointer("/variant".to_owned()), format!("{what}; they are {names}"))
}
