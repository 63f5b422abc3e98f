//! What is no call of ours.

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use runtime::grpc::{Client, REQUEST_BYTES};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Code, body::Body};
use tower::ServiceExt as _;

use crate::world::{Server, client, read, write};

const LEASE: &str = "/myriad.topology.v1.TopologyService/LeaseUserIds";

/// A message behind its prefix, whose length is told as `told`.
fn framed(message: &[u8], told: usize) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(told).unwrap());
    frame.put_slice(message);
    frame.freeze()
}

fn call(path: &str, body: Bytes) -> http::Request<Body> {
    http::Request::post(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(Full::new(body)))
        .unwrap()
}

async fn code(client: &Client, path: &str, body: Bytes) -> Code {
    let answer = client.clone().oneshot(call(path, body)).await.unwrap();
    let in_headers = answer.headers().get("grpc-status").cloned();
    let trailers = answer.into_body().collect().await.unwrap().trailers().cloned();
    let value = in_headers.or_else(|| trailers?.get("grpc-status").cloned()).unwrap();
    Code::from_bytes(value.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_services_and_methods_are_unimplemented() {
    let server = Server::start().await;
    let client = client(&[&server]);
    for path in ["/myriad.topology.v1.TopologyService/Explode", "/no.such.Service/Get", "/", "/a/b/c/../d"] {
        assert_eq!(code(&client, path, framed(&[], 0)).await, Code::Unimplemented, "{path}");
    }
    read(&client).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_served_is_refused_with_words() {
    let server = Server::start().await;
    for path in ["/myriad.topology.v1.TopologyService/Explode", "/no.such.Service/Get"] {
        let request = call(path, framed(&[], 0));
        let answer = client(&[&server]).oneshot(request).await.unwrap();
        let words = answer.headers()["grpc-message"].to_str().unwrap();
        assert!(words.starts_with("There is no such method here."), "{path}: {words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_too_large_or_broken_are_refused_and_the_next_call_goes_on() {
    let server = Server::start().await;
    let client = client(&[&server]);
    let large = vec![0; REQUEST_BYTES + 1];
    for (what, body, expected) in [
        ("larger than a request may be", framed(&large, large.len()), Code::OutOfRange),
        ("told to be larger", framed(&[8, 1], u32::MAX as usize), Code::OutOfRange),
        ("no protobuf", framed(&[0xff; 40], 40), Code::Internal),
        ("a field of another type", framed(&[0x0a, 1, 0], 3), Code::Internal),
        ("shorter than told", framed(&[8, 1], 900), Code::Internal),
        ("nothing at all", Bytes::new(), Code::Internal),
        ("compressed, it says, and is not", Bytes::from_static(&[1, 0, 0, 0, 2, 8, 1]), Code::Internal),
    ] {
        assert_eq!(code(&client, LEASE, body).await, expected, "{what}");
        write(&client).await.unwrap();
    }
    assert_eq!(server.fake.calls(), 7, "none of the wrong ones was carried out");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_2_is_hung_up_on() {
    let server = Server::start().await;
    for sent in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"\0\0\0\0\0\0\0\0\0\0",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut rest = Vec::new();
        // Closed, with or without a word of HTTP/2.
        let _ = stream.read_to_end(&mut rest).await;
    }
    read(&client(&[&server])).await.unwrap();
}
