//! Reads the upload's form as it arrives: parts in any order, the file hashed and stored while it comes, its header probed first.

use axum::body::Body;
use futures::TryStreamExt as _;
use http::{HeaderMap, header};
use model::{Code, Error, FieldError, ImageId};
use multer::{Constraints, Field, Multipart, SizeLimit};
use objects::{Objects, Staged};
use picture::{Draft, Header, Prober, Request};
use serde_json::Value;

use crate::{
    accept,
    context::{JSON_MAX_BYTES, body_problem},
    error::Problem,
    json,
};

/// Largest file.
pub const FILE_MAX_BYTES: u64 = 20 * 1024 * 1024;
/// Largest form: the file, the two texts and what multipart puts around them.
const FORM_MAX_BYTES: u64 = FILE_MAX_BYTES + 2 * JSON_MAX_BYTES as u64 + 64 * 1024;

/// A form, read and found good; its file waits to be published.
pub struct Upload {
    /// The file's bytes.
    pub staged: Staged,
    /// What its header says.
    pub header: Header,
    /// What is asked for, followed through with the file's size.
    pub request: Request,
    /// The text that asked for it, with its name: what makes two uploads the same, besides the file.
    pub asked: Vec<(String, String)>,
}

#[derive(Default)]
struct Parts {
    file: Option<Part<(Staged, Header)>>,
    operations: Option<Part<(String, Value)>>,
    variants: Option<Part<(String, Value)>>,
    unknown: Vec<FieldError>,
}

/// What a part holds, or what is wrong with its fields: that waits for the other parts, so that one answer tells it all.
type Part<T> = Result<T, Vec<FieldError>>;

/// Sorts out what ends the reading at once.
fn part<T>(read: Result<T, Problem>) -> Result<Part<T>, Problem> {
    match read {
        Ok(value) => Ok(Ok(value)),
        Err(problem) if problem.error.code == Code::InvalidInput => Ok(Err(problem.error.fields)),
        Err(problem) => Err(problem),
    }
}

/// Reads the form of a new image.
pub async fn read(headers: &HeaderMap, body: Body, objects: &Objects) -> Result<Upload, Problem> {
    let mut form = open(headers, body)?;
    let mut parts = Parts::default();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        take(field, &mut parts, objects).await?;
    }
    finish(parts)
}

fn open(headers: &HeaderMap, body: Body) -> Result<Multipart<'static>, Problem> {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept::content_type(headers).as_deref() != Some("multipart/form-data") {
        let problem = Problem::new(Code::UnsupportedMediaType, "Send the picture as multipart/form-data.");
        return Err(problem.header(header::ACCEPT, "multipart/form-data"));
    }
    let boundary = multer::parse_boundary(text).map_err(broken)?;
    let announced = http_body::Body::size_hint(&body).lower();
    if announced > FORM_MAX_BYTES {
        return Err(too_large());
    }
    let limits = SizeLimit::new().whole_stream(FORM_MAX_BYTES);
    Ok(Multipart::with_constraints(
        body.into_data_stream().map_err(std::io::Error::other),
        boundary,
        Constraints::new().size_limit(limits),
    ))
}

async fn take(field: Field<'static>, parts: &mut Parts, objects: &Objects) -> Result<(), Problem> {
    let twice = |name: &str| Problem::new(Code::Malformed, format!("Send one part named {name}, not several."));
    match field.name() {
        Some("file") => {
            if parts.file.is_some() {
                return Err(twice("file"));
            }
            parts.file = Some(part(store(field, objects).await)?);
        }
        Some("operations") => {
            if parts.operations.is_some() {
                return Err(twice("operations"));
            }
            parts.operations = Some(part(read_json(field, "/operations").await)?);
        }
        Some("variants") => {
            if parts.variants.is_some() {
                return Err(twice("variants"));
            }
            parts.variants = Some(part(read_json(field, "/variants").await)?);
        }
        Some(name) => {
            let pointer = format!("/{}", json::escape(name));
            parts.unknown.push(FieldError::at(pointer, "is not a part here; leave it out"));
        }
        None => return Err(Problem::new(Code::Malformed, "Give every part of the form a name.")),
    }
    Ok(())
}

async fn read_json(mut field: Field<'static>, at: &str) -> Result<(String, Value), Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        if bytes.len() + chunk.len() > JSON_MAX_BYTES {
            return Err(Problem::new(
                Code::BodyTooLarge,
                format!("Send at most {JSON_MAX_BYTES} bytes as {}.", &at[1..]),
            ));
        }
        bytes.extend_from_slice(&chunk);
    }
    let value = json::read(&bytes).map_err(|mut error| {
        // Pointers go into the form, of which this text is one part.
        for field in &mut error.fields {
            if let model::Location::Pointer(pointer) = &mut field.location {
                pointer.insert_str(0, at);
            }
        }
        error
    })?;
    Ok((String::from_utf8(bytes).unwrap_or_default(), value))
}

/// Streams the file into the store. What is no picture, or one too large, is refused at its header, before the rest has come.
async fn store(mut field: Field<'static>, objects: &Objects) -> Result<(Staged, Header), Problem> {
    let mut prober = Prober::default();
    let mut header = None;
    let mut upload = objects.upload(FILE_MAX_BYTES);
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        if header.is_none() {
            header = prober.push(&chunk).admit()?;
        }
        upload.write(chunk).await.map_err(|error| {
            if matches!(error, objects::Error::TooLarge { .. }) { too_large() } else { error.into() }
        })?;
    }
    let header = match header {
        Some(header) => header,
        None => prober.finish().admit()?.ok_or_else(|| {
            Error::new(Code::UnsupportedPicture, "The file is not a picture. Send a JPEG, PNG, WebP or GIF.")
        })?,
    };
    Ok((upload.finish().await?, header))
}

fn finish(parts: Parts) -> Result<Upload, Problem> {
    let Parts { file, operations, variants, unknown: mut errors } = parts;
    if file.is_none() {
        errors.push(FieldError::at("/file", "is missing"));
    }
    let file = good(file, &mut errors);
    let request = match asked(operations, variants) {
        Ok((draft, texts)) => {
            let source = file.as_ref().map(|(_, header)| (header.size, header.format));
            draft.finish(source).map(|request| (request, texts))
        }
        Err(error) => Err(error),
    };
    let request = match request {
        Ok(request) => Some(request),
        Err(error) if error.code == Code::InvalidInput => {
            errors.extend(error.fields);
            None
        }
        Err(error) => return Err(error.into()),
    };
    match (file, request) {
        (Some((staged, header)), Some((request, asked))) if errors.is_empty() => {
            Ok(Upload { staged, header, request, asked })
        }
        _ => Err(Error::invalid(errors).into()),
    }
}

fn good<T>(part: Option<Part<T>>, errors: &mut Vec<FieldError>) -> Option<T> {
    part?.map_err(|wrong| errors.extend(wrong)).ok()
}

/// What is asked for and the texts it was read from.
fn asked(
    operations: Option<Part<(String, Value)>>,
    variants: Option<Part<(String, Value)>>,
) -> Result<(Draft, Vec<(String, String)>), Error> {
    let mut errors = Vec::new();
    let (operations, variants) = (good(operations, &mut errors), good(variants, &mut errors));
    if !errors.is_empty() {
        return Err(Error::invalid(errors));
    }
    let values = [&operations, &variants].map(|part| part.as_ref().map(|(_, value)| value));
    let draft = Draft::read(values[0], values[1])?;
    let named = [("operations", operations), ("variants", variants)];
    let texts = named.into_iter().filter_map(|(name, part)| Some((name.to_owned(), part?.0))).collect();
    Ok((draft, texts))
}

fn too_large() -> Problem {
    Problem::new(Code::BodyTooLarge, format!("Send a picture of at most {} MiB.", FILE_MAX_BYTES >> 20))
}

fn broken(error: multer::Error) -> Problem {
    match error {
        multer::Error::StreamSizeExceeded { .. } | multer::Error::FieldSizeExceeded { .. } => too_large(),
        multer::Error::StreamReadFailed(cause) => body_problem(cause.as_ref()),
        _ => Problem::new(
            Code::Malformed,
            "The form is broken. Send multipart/form-data with the boundary that its header names.",
        ),
    }
}

/// The key under which the file is published, and its name.
pub fn key(image: &ImageId, staged: &Staged) -> objects::Key {
    objects::Key::source(image.clone(), staged.hash())
}
