//! Who we are in a PostgreSQL database that an operator named with a user and a password: kept in the data directory, in a file that only
//! its owner may read, and never in the catalog, which is shown.
//!
//! Where all services are one process, that is enough. Where they are many, each has its own credentials in its settings and no such
//! file.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use store::{Error, Result};
use store_postgres::Settings;

/// A user and a password.
#[derive(Debug, Clone)]
pub struct Login {
    /// The role.
    pub user: String,
    /// Its password, if it has one.
    pub password: Option<SecretString>,
}

/// Form of a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    user: String,
    password: Option<String>,
}

/// The files, one for each shard that has one.
#[derive(Debug, Clone)]
pub struct Credentials {
    folder: PathBuf,
}

impl Credentials {
    /// Those of a data directory.
    pub fn of(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("credentials") }
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps a login for a shard; durable when this returns.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep(&self, shard: &str, login: &Login) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let password = login.password.as_ref().map(|password| password.expose_secret().to_owned());
        let bytes = serde_json::to_vec(&Document { user: login.user.clone(), password })?;
        let path = self.path(shard);
        let aside = path.with_extension("tmp");
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&aside, &path)?;
        fs::File::open(&self.folder)?.sync_all()
    }

    /// Forgets the login of a shard, if there is one.
    pub fn forget(&self, shard: &str) {
        // What is left behind would open nothing but the database of a shard that is gone.
        let _ = fs::remove_file(self.path(shard));
    }

    /// The settings for a shard: those given, with its own login if it has one.
    pub(crate) fn settings(&self, shard: &str, given: &Settings) -> Result<Settings> {
        let bytes = match fs::read(self.path(shard)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(given.clone()),
            Err(error) => return Err(self.unusable(shard, &error.to_string())),
        };
        let document: Document = serde_json::from_slice(&bytes).map_err(|_| self.unusable(shard, "it is damaged"))?;
        let password = document.password.map(SecretString::from);
        Ok(Settings { user: document.user, password, ..given.clone() })
    }

    fn unusable(&self, shard: &str, cause: &str) -> Error {
        Error::Unusable(format!(
            "the credentials of shard {shard} in {} cannot be read: {cause}. Write them anew: \
             {{\"user\": \"…\", \"password\": \"…\"}}, readable by this user only",
            self.path(shard).display()
        ))
    }

    fn path(&self, shard: &str) -> PathBuf {
        self.folder.join(format!("{shard}.json"))
    }
}

/// Splits `postgres://user:password@host/database` into the address without credentials and the credentials, which may be
/// percent-encoded.
///
/// # Errors
/// A sentence that does not repeat the text.
pub fn split_login(text: &str) -> std::result::Result<(String, Option<Login>), String> {
    let (scheme, rest) = text.split_once("://").map_or(("postgres", text), |(scheme, rest)| (scheme, rest));
    // The last @: a password may hold one, a host may not.
    let Some((login, address)) = rest.rsplit_once('@') else { return Ok((text.to_owned(), None)) };
    let (user, password) = login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| "the user or the password in this address is not UTF-8".to_owned())
    };
    if user.is_empty() {
        return Err("the address has an @ and no user before it".to_owned());
    }
    let password = password.map(decode).transpose()?.map(SecretString::from);
    Ok((format!("{scheme}://{address}"), Some(Login { user: decode(user)?, password })))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_login_is_split_off_and_never_shown() {
        let (address, login) = split_login("postgres://ann:p%40ss:w@rd@db:5433/x").unwrap();
        let login = login.unwrap();
        assert_eq!((address.as_str(), login.user.as_str()), ("postgres://db:5433/x", "ann"));
        assert_eq!(login.password.as_ref().unwrap().expose_secret(), "p@ss:w@rd");
        assert!(!format!("{login:?}").contains("p@ss"));
        assert!(split_login("postgres://db/x").unwrap().1.is_none());
        assert!(split_login("postgres://ann@db/x").unwrap().1.unwrap().password.is_none());
        assert!(split_login("postgres://@db/x").is_err());
    }

    #[test]
    fn kept_credentials_are_their_owners_alone_and_go_before_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let credentials = Credentials::of(folder.path());
        let given = Settings { user: "everybody".to_owned(), ..Settings::default() };
        assert_eq!(credentials.settings("shard-1", &given).unwrap().user, "everybody");
        credentials.keep("shard-1", &Login { user: "ann".to_owned(), password: Some("secret".into()) }).unwrap();
        let kept = credentials.settings("shard-1", &given).unwrap();
        assert_eq!((kept.user.as_str(), kept.password.unwrap().expose_secret()), ("ann", "secret"));
        let file = fs::metadata(folder.path().join("credentials/shard-1.json")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(folder.path().join("credentials")).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(folder.path().join("credentials/shard-1.json"), "secret").unwrap();
        let damaged = credentials.settings("shard-1", &given).unwrap_err().to_string();
        assert!(damaged.contains("shard-1.json") && !damaged.contains("secret"), "{damaged}");
        credentials.forget("shard-1");
        assert_eq!(credentials.settings("shard-1", &given).unwrap().user, "everybody");
    }
}
