//! The gateway's settings.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use anyhow::Context as _;
use model::{Code, Error, Result};
use runtime::{grpc::ServiceKey, telemetry::Settings};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::server::Timeouts;

/// Everything that can be set; unknown keys are refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address of the public port.
    pub http: String,
    /// Where clients reach the gateway: the beginning of every URL in answers, without a slash at the end. Empty: made of the address.
    pub public_url: String,
    /// Where pictures are fetched from, if a CDN stands before `/v1/media`; without a slash at the end. Empty: `public_url`.
    pub cdn_url: String,
    /// Beginning of the `type` of every problem.
    pub problem_base: String,
    /// The cookie.
    pub cookie: CookieConfig,
    /// Origins (`https://example.com`) whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<Network>,
    /// Rate limits.
    pub limits: Limits,
    /// The accept loop.
    pub server: ServerConfig,
    /// Longest time for one request, in ms; uploads and event streams have their own.
    pub deadline_ms: u64,
    /// How long the gateway serves on, only not ready, once it is told to end, in ms: longer than a balancer takes to see it. When the
    /// gateway is a process of its own.
    pub leave_ms: u64,
    /// Share of requests without a `traceparent` that are traced, 0 to 1.
    pub trace_ratio: f64,
    /// Where user-service answers gRPC, when it is a process of its own.
    pub users: String,
    /// Where session-service answers gRPC, when it is a process of its own.
    pub sessions: String,
    /// Where pictures are, shared with the image worker; not set: the directory `myriad-data/objects`. When the gateway is a process of
    /// its own.
    pub objects: objects::Settings,
    /// The token keys, `<id>:<64 hexadecimal digits>` separated by commas, the signing one first: session-service's. Not set: those of the
    /// file. When the gateway is a process of its own.
    #[serde(skip_serializing)]
    pub token_keys: Option<SecretString>,
    /// The file with the token keys, made on the first start. When the gateway is a process of its own.
    pub token_keys_file: PathBuf,
    /// The key by which services know one another, alike in all of them; `file:/path` reads it from a file. When the gateway is a
    /// process of its own.
    pub service_key: ServiceKey,
    /// Address of the operators' port, when the gateway is a process of its own.
    pub ops: String,
    /// Logs and traces, when the gateway is a process of its own.
    pub telemetry: Settings,
}

/// How the session cookie is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CookieConfig {
    /// True names the cookies plainly and leaves `Secure` out: for plain HTTP on other hosts than loopback.
    pub plain: bool,
}

/// Rate limits, and the numbers of limits kept elsewhere that are shown in headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Networks that are not limited.
    pub trusted: Vec<Network>,
    /// Sign-ins and sign-ups an address (an IPv6 /64) and minute.
    pub sign_ins_per_minute: u32,
    /// Wrong passwords an account and hour, as session-service has it; shown only.
    pub wrong_passwords_per_hour: u32,
}

/// The accept loop's bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Most connections at once; never more than the limit on open files leaves.
    pub connections: usize,
    /// For a head to come, in ms.
    pub head_timeout_ms: u64,
    /// Between two pieces of a body, in ms.
    pub body_timeout_ms: u64,
    /// For a whole upload, in ms.
    pub upload_timeout_ms: u64,
    /// Between two requests of a connection, in ms.
    pub idle_timeout_ms: u64,
    /// For a client to take more of its answer, in ms.
    pub write_timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            http: "127.0.0.1:8080".into(),
            public_url: String::new(),
            cdn_url: String::new(),
            problem_base: "https://myriad.example/problems".into(),
            cookie: CookieConfig::default(),
            cors_origins: Vec::new(),
            proxies: Vec::new(),
            limits: Limits::default(),
            server: ServerConfig::default(),
            deadline_ms: 10_000,
            leave_ms: 0,
            trace_ratio: 0.0,
            users: "http://127.0.0.1:7101".into(),
            sessions: "http://127.0.0.1:7201".into(),
            objects: objects::Settings::default(),
            token_keys: None,
            token_keys_file: "myriad-data/token.keys".into(),
            ops: "127.0.0.1:8081".into(),
            service_key: ServiceKey::default(),
            telemetry: Settings::default(),
        }
    }
}

#[expect(clippy::derivable_impls, reason = "the default of a security setting is written out")]
impl Default for CookieConfig {
    fn default() -> Self {
        Self { plain: false }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let loopback = [
            Network { address: IpAddr::from([127, 0, 0, 0]), bits: 8 },
            Network { address: IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), bits: 128 },
        ];
        Self { trusted: loopback.to_vec(), sign_ins_per_minute: 120, wrong_passwords_per_hour: 10 }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            connections: 10_000,
            head_timeout_ms: 10_000,
            body_timeout_ms: 15_000,
            upload_timeout_ms: 600_000,
            idle_timeout_ms: 75_000,
            write_timeout_ms: 30_000,
        }
    }
}

impl Config {
    /// Refuses what cannot work; the error names the key and the fix.
    pub fn validate(&self) -> Result<()> {
        let wrong = |key: &str, fix: &str| Err(Error::new(Code::InvalidInput, format!("gateway setting {key}: {fix}")));
        if self.http.parse::<SocketAddr>().is_err() {
            return wrong("http", "give an address and a port, such as 127.0.0.1:8080");
        }
        for (key, url) in [("public_url", &self.public_url), ("cdn_url", &self.cdn_url)] {
            if !url.is_empty() && !is_base_url(url) {
                return wrong(
                    key,
                    "give http:// or https://, a host and no slash at the end, such as https://example.com",
                );
            }
        }
        if self.problem_base.is_empty() || self.problem_base.ends_with('/') {
            return wrong("problem_base", "give a URL without a slash at the end");
        }
        if self.cors_origins.iter().any(|origin| !is_base_url(origin)) {
            return wrong("cors_origins", "give origins such as https://example.com");
        }
        if self.limits.sign_ins_per_minute == 0 {
            return wrong("limits.sign_ins_per_minute", "give at least 1");
        }
        if !(0.0..=1.0).contains(&self.trace_ratio) {
            return wrong("trace_ratio", "give a number from 0 to 1");
        }
        if self.leave_ms > 60_000 {
            return wrong("leave_ms", "give milliseconds from 0 to 60000");
        }
        let server = &self.server;
        if server.connections == 0 {
            return wrong("server.connections", "give at least 1");
        }
        let times = [
            ("deadline_ms", self.deadline_ms),
            ("server.head_timeout_ms", server.head_timeout_ms),
            ("server.body_timeout_ms", server.body_timeout_ms),
            ("server.upload_timeout_ms", server.upload_timeout_ms),
            ("server.idle_timeout_ms", server.idle_timeout_ms),
            ("server.write_timeout_ms", server.write_timeout_ms),
        ];
        match times.into_iter().find(|(_, ms)| *ms == 0 || *ms > 86_400_000) {
            Some((key, _)) => wrong(key, "give milliseconds from 1 to 86400000"),
            None => Ok(()),
        }
    }

    /// `public_url`, or what the listening address makes of it.
    pub fn public_url_at(&self, address: SocketAddr) -> String {
        if !self.public_url.is_empty() {
            return self.public_url.clone();
        }
        if address.ip().is_unspecified() {
            return format!("http://127.0.0.1:{}", address.port());
        }
        format!("http://{address}")
    }
}

impl runtime::process::Configuration for Config {
    fn telemetry(&self) -> &Settings {
        &self.telemetry
    }

    fn validate(&self) -> anyhow::Result<()> {
        self.objects.validate().context("objects")?;
        Ok(Self::validate(self)?)
    }

    fn leave(&self) -> Duration {
        Duration::from_millis(self.leave_ms)
    }
}

impl ServerConfig {
    /// The timeouts as durations.
    pub fn timeouts(&self) -> Timeouts {
        Timeouts {
            head: Duration::from_millis(self.head_timeout_ms),
            body: Duration::from_millis(self.body_timeout_ms),
            upload: Duration::from_millis(self.upload_timeout_ms),
            idle: Duration::from_millis(self.idle_timeout_ms),
            write: Duration::from_millis(self.write_timeout_ms),
        }
    }
}

fn is_base_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.ends_with('/') && !rest.contains(['?', '#', '"', '<', ' ', '\'', ';', ','])
    })
}

/// A network such as `10.0.0.0/8` or `::1/128`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Whether an address lies in the network. An IPv4 address mapped into IPv6 counts as itself.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                same(network.to_bits().into(), address.to_bits().into(), 32, self.bits)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => same(network.to_bits(), address.to_bits(), 128, self.bits),
            _ => false,
        }
    }
}

fn same(network: u128, address: u128, width: u32, bits: u32) -> bool {
    bits == 0 || (network ^ address) >> (width - bits) == 0
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || format!("{text:?} is no network: give one such as 10.0.0.0/8 or ::1/128");
        let (address, bits) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits: u32 = bits.parse().map_err(|_| wrong())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        if bits > width { Err(wrong()) } else { Ok(Self { address, bits }) }
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        format!("{}/{}", network.address, network.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_they_should() {
        let in_net = |net: &str, ip: &str| net.parse::<Network>().unwrap().contains(ip.parse().unwrap());
        assert!(in_net("127.0.0.0/8", "127.9.9.9"));
        assert!(in_net("127.0.0.0/8", "::ffff:127.0.0.1"));
        assert!(!in_net("127.0.0.0/8", "128.0.0.1"));
        assert!(in_net("::1/128", "::1"));
        assert!(in_net("0.0.0.0/0", "8.8.8.8"));
        assert!(!in_net("::/0", "8.8.8.8"));
        for wrong in ["", "127.0.0.1", "127.0.0.0/33", "x/8", "::/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_setting_is_named_with_its_fix() {
        assert!(Config::default().validate().is_ok());
        let wrong = Config { http: "8080".into(), ..Config::default() };
        assert!(wrong.validate().unwrap_err().detail.contains("setting http: give"));
        let wrong = Config { public_url: "example.com/".into(), ..Config::default() };
        assert!(wrong.validate().unwrap_err().detail.contains("public_url"));
    }

    #[test]
    fn the_public_url_comes_from_the_address_where_none_is_set() {
        let config = Config::default();
        assert_eq!(config.public_url_at("0.0.0.0:80".parse().unwrap()), "http://127.0.0.1:80");
        assert_eq!(config.public_url_at("[::1]:80".parse().unwrap()), "http://[::1]:80");
    }
}
