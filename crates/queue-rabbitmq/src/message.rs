//! A job as the broker carries it.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, LongString},
};
use queue::Job;

/// Survives the broker.
const PERSISTENT: u8 = 2;

/// Why a message is not ours. Nothing of its body is repeated.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// Not JSON, or not a job of a version known here.
    #[error("it is no job of a version known here ({kind} error at line {line}, column {column})")]
    Unreadable {
        /// Of syntax or of data.
        kind: &'static str,
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// A job about nothing.
    #[error("its ids are none")]
    NoImage,
}

/// What goes with the body: what an operator or another consumer can see without reading it.
pub fn properties(job: &Job) -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, value) in [("request-id", job.request_id()), ("traceparent", job.traceparent())] {
        if let Some(value) = value {
            headers.insert(name.into(), AMQPValue::LongString(LongString::from(value)));
        }
    }
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type("application/json".into())
        .with_type("job".into())
        .with_app_id("myriad".into())
        .with_headers(headers);
    match job.image() {
        Some((_, image)) => properties.with_message_id(image.to_string().as_str().into()),
        None => properties,
    }
}

/// Reads a body.
pub fn read(body: &[u8]) -> Result<Job, Foreign> {
    let job = Job::from_json(body).map_err(|error| Foreign::Unreadable {
        kind: if error.is_data() { "data" } else { "syntax" },
        line: error.line(),
        column: error.column(),
    })?;
    if job.image().is_none() { Err(Foreign::NoImage) } else { Ok(job) }
}

/// How often the broker has delivered it before.
pub fn deliveries(properties: &BasicProperties) -> u32 {
    let count = properties.headers().as_ref().and_then(|headers| headers.inner().get("x-delivery-count"));
    let count = match count {
        Some(AMQPValue::LongLongInt(count)) => *count,
        Some(AMQPValue::LongInt(count)) => (*count).into(),
        Some(AMQPValue::ShortInt(count)) => (*count).into(),
        Some(AMQPValue::ShortShortInt(count)) => (*count).into(),
        _ => 0,
    };
    u32::try_from(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_seen_and_not_repeated() {
        for (body, secret) in [
            (&b"hunter2"[..], "hunter2"),
            (br#"{"version":"hunter2"}"#, "hunter2"),
            (br#"{"version":"1","user_id":"hunter2","image_id":"x"}"#, "hunter2"),
            (br#"{"version":"1","user_id":0,"image_id":"../hunter2"}"#, "hunter2"),
        ] {
            let error = read(body).unwrap_err().to_string();
            assert!(!error.contains(secret), "{error}");
        }
    }

    #[test]
    fn a_job_goes_and_comes_with_its_request_in_the_headers() {
        let job = queue::contract::job(3);
        let properties = properties(&job);
        assert_eq!(read(job.to_json().as_bytes()).unwrap(), job);
        let headers = properties.headers().clone().unwrap_or_default();
        assert!(headers.inner().contains_key("request-id") && headers.inner().contains_key("traceparent"));
        assert_eq!(*properties.delivery_mode(), Some(PERSISTENT));
        assert_eq!(properties.message_id().as_ref().unwrap().as_str(), format!("{:032x}", 3));
    }
}
