//! The setting that names a service: one address or several, `http://host:port`, separated by commas.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Result, bail, ensure};
use http::Uri;

/// One address of the setting.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// As it was written: what `:authority` says.
    pub uri: Uri,
    pub host: String,
    pub port: u16,
}

impl Target {
    /// Reads the whole setting.
    ///
    /// # Errors
    /// Says which address is wrong and how one looks.
    pub fn parse_all(setting: &str) -> Result<Vec<Self>> {
        let targets: Vec<Self> = setting
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(Self::parse)
            .collect::<Result<_>>()?;
        ensure!(
            !targets.is_empty(),
            "no address: give one such as http://127.0.0.1:7101, or several with commas between"
        );
        Ok(targets)
    }

    fn parse(text: &str) -> Result<Self> {
        let like = || format!("{text:?} is no address: it looks like http://host:port");
        let uri: Uri = text.parse().with_context(like)?;
        if uri.scheme_str() != Some("http") || uri.path().len() > 1 || uri.query().is_some() {
            bail!("{}", like());
        }
        let host = uri.host().filter(|host| !host.is_empty()).with_context(like)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().with_context(like)?;
        Ok(Self { uri, host, port })
    }

    /// The address itself, where it is no name.
    pub fn literal(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.host.parse::<IpAddr>().ok()?, self.port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_or_several_are_read() {
        let read = Target::parse_all("http://127.0.0.1:7101, http://users.svc:80,http://[::1]:1").unwrap();
        let hosts: Vec<(&str, u16)> = read.iter().map(|target| (target.host.as_str(), target.port)).collect();
        assert_eq!(hosts, [("127.0.0.1", 7101), ("users.svc", 80), ("::1", 1)]);
        assert_eq!(read[2].literal(), Some("[::1]:1".parse().unwrap()));
        assert_eq!(read[1].literal(), None);
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        for wrong in ["", ",", "127.0.0.1:1", "https://a:1", "http://a", "http://a:1/path", "http://a:1,b", "http://:1"]
        {
            let error = format!("{:#}", Target::parse_all(wrong).unwrap_err());
            assert!(error.contains("http://"), "{wrong}: {error}");
        }
    }
}
