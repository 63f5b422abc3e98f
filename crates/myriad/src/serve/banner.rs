//! What the server prints once it is ready: where everything is, and three lines that work as pasted.

use std::{io::Write, net::SocketAddr, path::Path};

/// Where the server listens.
#[derive(Debug)]
pub struct Addresses {
    /// Public port.
    pub http: SocketAddr,
    /// Operators' port.
    pub ops: SocketAddr,
    /// gRPC, where it is open.
    pub grpc: Option<SocketAddr>,
}

/// Prints it. A closed stdout is no reason to stop serving.
pub fn print(addresses: &Addresses, data_dir: &Path) {
    let _ = std::io::stdout().write_all(text(addresses, data_dir).as_bytes());
}

fn text(addresses: &Addresses, data_dir: &Path) -> String {
    let http = format!("http://{}", reachable(addresses.http));
    let ops = format!("http://{}", reachable(addresses.ops));
    let grpc = addresses.grpc.map(|grpc| format!("  grpc       {}\n", reachable(grpc))).unwrap_or_default();
    let json = "-H 'Content-Type: application/json'";
    format!(
        "Myriad is ready.

  page       {http}/
  API docs   {http}/v1/docs
  operators  {ops}/
{grpc}  data       {data}

Try it:

  curl {http}/v1/users {json} -d '{{\"email\":\"john@example.com\",\"password\":\"correct horse battery\",\"firstName\":\"John\",\"lastName\":\"Smith\"}}'
  curl {http}/v1/sessions {json} -d '{{\"email\":\"john@example.com\",\"password\":\"correct horse battery\"}}'
  curl {http}/users/1

Or do all of it, with a photograph: {program} demo --url {http}
",
        program = std::env::args().next().unwrap_or_else(|| "myriad".to_owned()),
        data = data_dir.display(),
    )
}

/// An address to connect to: a server that listens everywhere is reached on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        let loopback =
            if address.is_ipv4() { std::net::Ipv4Addr::LOCALHOST.into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_shown_where_it_can_be_reached() {
        let addresses = Addresses {
            http: "0.0.0.0:8080".parse().unwrap(),
            ops: "127.0.0.1:8081".parse().unwrap(),
            grpc: Some("[::]:9000".parse().unwrap()),
        };
        let text = text(&addresses, Path::new("data"));
        assert!(text.contains("page       http://127.0.0.1:8080/\n"), "{text}");
        assert!(text.contains("grpc       [::1]:9000\n"), "{text}");
        assert!(!text.contains("0.0.0.0"));
    }
}
