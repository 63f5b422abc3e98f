//! The public API's requests as bytes, made before or while a run goes on.

use crate::{PASSWORD, Person};

/// Makes the request of a number that rises, or ends its connection's part in the run.
pub type Request = Box<dyn Fn(usize) -> Option<Vec<u8>> + Send>;

const BOUNDARY: &str = "a-boundary-that-no-photo-has";

/// GET of a profile by anybody.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

/// GET of a profile by its owner.
pub fn get_as(john: &Person) -> Request {
    let bytes =
        format!("GET {} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", john.path(), john.token).into_bytes();
    Box::new(move |_| Some(bytes.clone()))
}

/// PATCH of a profile by its owner: another name each time.
pub fn patch(john: &Person) -> Request {
    let john = john.clone();
    Box::new(move |number| {
        let body = format!("{{\"lastName\":\"Smith {number}\"}}");
        let head = format!(
            "PATCH {} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            john.path(),
            john.token,
            body.len()
        );
        Some((head + &body).into_bytes())
    })
}

/// Sign-up of somebody else each time.
pub fn sign_up(stem: usize) -> Request {
    Box::new(move |number| {
        let body = format!(
            "{{\"email\":\"bench-{stem}-{number}@example.com\",\"password\":\"{PASSWORD}\",\"firstName\":\"John\",\"lastName\":\"Smith\"}}"
        );
        Some(post("/v1/users", &body))
    })
}

/// Sign-in with the right password.
pub fn sign_in(john: &Person) -> Request {
    let bytes = post("/v1/sessions", &format!("{{\"email\":\"{}\",\"password\":\"{PASSWORD}\"}}", john.email));
    Box::new(move |_| Some(bytes.clone()))
}

/// POST of JSON.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Upload of a JPEG with a chain of operations.
pub fn upload(john: &Person, photo: &[u8], operations: &str) -> Vec<u8> {
    let before = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"photo.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n"
    );
    let after = format!(
        "\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{operations}\r\n--{BOUNDARY}--\r\n"
    );
    let head = format!(
        "POST {}/images HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n\
         Content-Length: {}\r\n\r\n",
        john.path(),
        john.token,
        before.len() + photo.len() + after.len()
    );
    [head.as_bytes(), before.as_bytes(), photo, after.as_bytes()].concat()
}
