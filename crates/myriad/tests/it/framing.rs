//! HTTP framing, sent as raw bytes.

use std::time::Duration;

use testkit::exchange;

use crate::target::Target;

const WAIT: Duration = Duration::from_secs(5);

pub async fn doubtful_framing_is_refused_and_closed(target: Target) {
    let head = "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let chunks = "2\r\n{}\r\n0\r\n\r\n";
    for (what, request) in [
        ("no host", "GET / HTTP/1.1\r\n\r\n".to_owned()),
        ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned()),
        ("chunked twice", format!("{head}Transfer-Encoding: chunked, chunked\r\n\r\n{chunks}")),
        (
            "chunked in two headers",
            format!("{head}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"),
        ),
        ("chunked is not last", format!("{head}Transfer-Encoding: chunked, identity\r\n\r\n{chunks}")),
        ("length and chunks", format!("{head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")),
        ("chunks and length", format!("{head}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{chunks}")),
        ("two lengths", format!("{head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}")),
        ("one length twice", format!("{head}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}")),
        ("a list of lengths", format!("{head}Content-Length: 2, 2\r\n\r\n{{}}")),
        ("a signed length", format!("{head}Content-Length: +2\r\n\r\n{{}}")),
        ("a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n".to_owned()),
    ] {
        let (answer, closed) = exchange(&target.address, request.as_bytes(), WAIT).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with("HTTP/1.1 400"), "{what}: {answer}");
        assert!(closed, "{what}: the connection stayed open");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{what}: {answer}");
    }
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n", "a".repeat(20_000));
    let (answer, closed) = exchange(&target.address, long.as_bytes(), WAIT).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 431") && closed, "{}", String::from_utf8_lossy(&answer));
}

pub async fn connections_are_kept_and_requests_may_be_pipelined(target: Target) {
    let get = "GET /v1/users/999999999 HTTP/1.1\r\nHost: a\r\n\r\n";
    let chunked = "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
                   2\r\n{}\r\n0\r\n\r\n";
    let last = "GET /v1/users/999999999 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let (answer, closed) = exchange(&target.address, format!("{get}{chunked}{last}").as_bytes(), WAIT).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let statuses: Vec<_> =
        answer.match_indices("HTTP/1.1 ").map(|(at, _)| answer[at + 9..at + 12].to_owned()).collect();
    assert_eq!(statuses, ["404", "422", "404"], "{answer}");
    assert!(closed);
}
