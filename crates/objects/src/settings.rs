//! Where objects are: a local directory, or a bucket.

use std::fs;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::{Error, Objects, Result};

const FROM_FILE: &str = "file:";

/// Where objects are. Neither: a directory that the service names.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// A local directory, shared by all services that see objects.
    pub dir: Option<PathBuf>,
    /// A bucket.
    pub s3: Option<S3Settings>,
}

/// A bucket of S3, or of a server with its API.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3Settings {
    /// Where the server answers, `https://host:port`; `http` on loopback only. Empty: Amazon's, by the region.
    pub endpoint: String,
    /// The bucket; it exists, and aborts incomplete multipart uploads by a rule of its own.
    pub bucket: String,
    /// The region.
    pub region: String,
    /// Who signs.
    pub access_key: String,
    /// The secret of it, or `file:/path` of a file with it. Never printed.
    #[serde(skip_serializing)]
    pub secret_key: SecretString,
    /// Whether the bucket is the first part of the path, as most servers want it, instead of the first part of the host, as Amazon does.
    pub path_style: bool,
    /// Whether plain `http` may go to other hosts too: for a network that nobody else reads, such as that between the pods of one cluster.
    pub plain_http: bool,
}

impl Default for S3Settings {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            bucket: String::new(),
            region: "us-east-1".to_owned(),
            access_key: String::new(),
            secret_key: SecretString::default(),
            path_style: true,
            plain_http: false,
        }
    }
}

impl Settings {
    /// Checks what types cannot say.
    ///
    /// # Errors
    /// [`Error::Settings`], with the key and the fix.
    pub fn validate(&self) -> Result<()> {
        match (&self.dir, &self.s3) {
            (Some(_), Some(_)) => Err(wrong("dir and s3 are both set: keep the one where the objects are")),
            (Some(dir), None) if dir.as_os_str().is_empty() => Err(wrong("dir is empty: name a directory")),
            (_, Some(s3)) => s3.validate(),
            _ => Ok(()),
        }
    }
}

impl S3Settings {
    /// Checks what types cannot say.
    ///
    /// # Errors
    /// [`Error::Settings`], with the key and the fix.
    pub fn validate(&self) -> Result<()> {
        for (key, value) in [("bucket", &self.bucket), ("region", &self.region), ("access_key", &self.access_key)] {
            if value.is_empty() {
                return Err(wrong(format!("s3.{key} is empty: set it")));
            }
        }
        if self.secret_key.expose_secret().is_empty() {
            return Err(wrong("s3.secret_key is empty: set it, or name a file by file:/path"));
        }
        if self.endpoint.is_empty() || self.endpoint.starts_with("https://") {
            return Ok(());
        }
        if !self.is_plain() {
            return Err(wrong(format!(
                "s3.endpoint is {:?}: use https://host:port; http://127.0.0.1:port on this machine, elsewhere only with s3.plain_http",
                self.endpoint
            )));
        }
        Ok(())
    }

    /// Whether it is reached without TLS: on loopback, or where that is allowed.
    pub(crate) fn is_plain(&self) -> bool {
        let Some(rest) = self.endpoint.strip_prefix("http://") else { return false };
        if self.plain_http {
            return true;
        }
        // `127.0.0.1:1@elsewhere` only looks local: what follows the host must be a port.
        let authority = rest.split('/').next().unwrap_or_default();
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        };
        matches!(host, "127.0.0.1" | "localhost" | "[::1]")
    }

    pub(crate) fn secret(&self) -> Result<SecretString> {
        let Some(path) = self.secret_key.expose_secret().strip_prefix(FROM_FILE) else {
            return Ok(self.secret_key.clone());
        };
        let text = fs::read_to_string(path)
            .map_err(|error| wrong(format!("s3.secret_key names the file {path}, which cannot be read: {error}")))?;
        Ok(SecretString::from(text.trim()))
    }
}

fn wrong(text: impl Into<String>) -> Error {
    Error::Settings(text.into())
}

impl Objects {
    /// Opens what the settings name; `default_dir` where they name nothing.
    ///
    /// # Errors
    /// [`Error::Settings`] and [`Error::Directory`].
    pub fn open(settings: &Settings, default_dir: &Path) -> Result<Self> {
        settings.validate()?;
        match &settings.s3 {
            Some(s3) => Self::s3(s3),
            None => Self::local(settings.dir.as_deref().unwrap_or(default_dir)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket() -> S3Settings {
        S3Settings {
            endpoint: "https://s3.example.com".into(),
            bucket: "pictures".into(),
            access_key: "myriad".into(),
            secret_key: "hunter2".into(),
            ..S3Settings::default()
        }
    }

    #[test]
    fn a_mistake_names_the_key_and_never_the_secret() {
        assert!(bucket().validate().is_ok());
        assert!(S3Settings { endpoint: String::new(), ..bucket() }.validate().is_ok());
        for (settings, key) in [
            (S3Settings { bucket: String::new(), ..bucket() }, "s3.bucket"),
            (S3Settings { access_key: String::new(), ..bucket() }, "s3.access_key"),
            (S3Settings { secret_key: SecretString::default(), ..bucket() }, "s3.secret_key"),
            (S3Settings { endpoint: "s3.example.com".into(), ..bucket() }, "s3.endpoint"),
            (S3Settings { endpoint: "http://s3.example.com".into(), ..bucket() }, "s3.endpoint"),
            (S3Settings { endpoint: "http://127.0.0.1:1@evil.example".into(), ..bucket() }, "s3.endpoint"),
            (S3Settings { endpoint: "http://127.0.0.1.evil.example".into(), ..bucket() }, "s3.endpoint"),
            (S3Settings { secret_key: "file:/nowhere/key".into(), ..bucket() }, "s3.secret_key"),
        ] {
            let error = Objects::s3(&settings).unwrap_err().to_string();
            assert!(error.contains(key) && !error.contains("hunter2"), "{key}: {error}");
        }
        let both = Settings { dir: Some("x".into()), s3: Some(bucket()) };
        assert!(both.validate().unwrap_err().to_string().contains("dir and s3"));
    }

    #[test]
    fn the_secret_is_not_shown() {
        let settings = Settings { dir: None, s3: Some(bucket()) };
        let objects = Objects::open(&settings, Path::new("unused")).unwrap();
        let shown = format!("{settings:?} {} {objects:?}", serde_json::to_string(&settings).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        for (endpoint, plain) in [
            ("http://127.0.0.1:9000", true),
            ("http://localhost:9000/", true),
            ("http://[::1]:9000", true),
            ("http://10.0.0.1:9000", false),
            ("https://127.0.0.1:9000", false),
        ] {
            assert_eq!(S3Settings { endpoint: endpoint.into(), ..bucket() }.is_plain(), plain, "{endpoint}");
        }
        let inside = S3Settings { endpoint: "http://objects:7070".into(), plain_http: true, ..bucket() };
        assert!(inside.validate().is_ok() && inside.is_plain());
        assert!(!S3Settings { plain_http: true, ..bucket() }.is_plain(), "https stays https");
    }

    #[test]
    fn where_nothing_is_set_the_default_directory_is_used() {
        let dir = tempfile::tempdir().unwrap();
        Objects::open(&Settings::default(), &dir.path().join("objects")).unwrap();
        assert!(dir.path().join("objects/media").is_dir());
        let unknown = serde_json::from_str::<Settings>(r#"{"folder": "x"}"#);
        assert!(unknown.unwrap_err().to_string().contains("folder"));
    }
}
