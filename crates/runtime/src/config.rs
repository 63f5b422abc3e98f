//! Configuration: defaults, then a TOML file, then `MYRIAD_…` variables, then flags; unknown keys are refused.

use std::path::Path;

use anyhow::{Context, Result};
use config::{Config, File, FileFormat};
use serde::{Serialize, de::DeserializeOwned};

/// Reads a configuration.
///
/// `service` such as `user-service` reads variables `MYRIAD_USER_SERVICE__KEY`, with `__` between levels. `overrides` are
/// `key.sub = value` pairs from flags and win. Lists are written as in the file: `["10.0.0.0/8"]`. Unknown keys are refused by the
/// type's `deny_unknown_fields`.
///
/// # Errors
/// Names the key and the place it came from.
pub fn load<C>(service: &str, file: Option<&Path>, overrides: &[(String, String)]) -> Result<C>
where
    C: DeserializeOwned,
{
    let mut builder = Config::builder();
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    let prefix = format!("MYRIAD_{}__", service.replace('-', "_").to_uppercase());
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    for (key, value) in from_variables(&prefix, variables).chain(overrides.iter().cloned()) {
        builder = builder
            .set_override(key.as_str(), parse(&value))
            .with_context(|| format!("cannot set {key}: a key looks like level.name"))?;
    }
    let built = builder.build().context("the configuration cannot be read")?;
    built.try_deserialize().with_context(|| {
        format!("a setting is wrong; correct the key named below in the file, the variable {prefix}… or the flag")
    })
}

fn from_variables(
    prefix: &str,
    variables: impl Iterator<Item = (String, String)>,
) -> impl Iterator<Item = (String, String)> {
    variables
        .filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?.to_lowercase().replace("__", "."), value)))
}

/// Variables and flags are text; lists, numbers and booleans become what they look like.
fn parse(value: &str) -> config::Value {
    if let Some(list) = list(value) {
        list
    } else if let Ok(flag) = value.parse::<bool>() {
        flag.into()
    } else if let Some(number) = value.parse::<i64>().ok().filter(|number| number.to_string() == value) {
        // Only where nothing is lost: a password may be 007.
        number.into()
    } else {
        value.into()
    }
}

/// A list in TOML. An address such as `[::1]:80` is none.
fn list(value: &str) -> Option<config::Value> {
    if !value.starts_with('[') {
        return None;
    }
    let source = File::from_str(&format!("value = {value}"), FileFormat::Toml);
    Config::builder().add_source(source).build().ok()?.get("value").ok()
}

/// The configuration as JSON, for `--print-config`. Secrets must be of a type that serialises without its value.
pub fn print<C: Serialize>(config: &C) -> Result<String> {
    Ok(serde_json::to_string_pretty(config)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    struct Sample {
        port: u16,
        address: String,
        trusted: Vec<String>,
        limits: Limits,
    }

    #[derive(Debug, Default, serde::Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    struct Limits {
        sign_ins: u32,
    }

    impl Default for Sample {
        fn default() -> Self {
            Self { port: 80, address: String::new(), trusted: vec!["::1".to_owned()], limits: Limits::default() }
        }
    }

    fn flags(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "port = 81\n[limits]\nsign_ins = 3\n").unwrap();
        let read: Sample = load("sample", Some(file.path()), &flags(&[("port", "82")])).unwrap();
        assert_eq!(read, Sample { port: 82, limits: Limits { sign_ins: 3 }, ..Sample::default() });
        assert_eq!(load::<Sample>("sample", None, &[]).unwrap(), Sample::default());
    }

    #[test]
    fn lists_are_written_as_in_the_file() {
        let trusted =
            |list: &str| load::<Sample>("sample", None, &flags(&[("trusted", list)])).map(|read| read.trusted);
        assert_eq!(trusted("[]").unwrap(), Vec::<String>::new());
        assert_eq!(trusted(r#"["10.0.0.0/8", "::1"]"#).unwrap(), ["10.0.0.0/8", "::1"]);
        assert!(format!("{:#}", trusted("[10.0.0.0/8").unwrap_err()).contains("trusted"));
        let read: Sample = load("sample", None, &flags(&[("address", "[::1]:80")])).unwrap();
        assert_eq!(read.address, "[::1]:80");
    }

    #[test]
    fn a_text_of_digits_keeps_them() {
        #[derive(serde::Deserialize)]
        struct Secret {
            password: String,
        }
        for digits in ["007", "42", "+1", "-0"] {
            let secret: Secret = load("sample", None, &flags(&[("password", digits)])).unwrap();
            assert_eq!(secret.password, digits);
        }
    }

    #[test]
    fn variables_name_levels_by_two_underscores() {
        let all = [("MYRIAD_SAMPLE__LIMITS__SIGN_INS", "3"), ("MYRIAD_SAMPLER__PORT", "1"), ("HOME", "/")];
        let all = all.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter();
        let read: Vec<_> = from_variables("MYRIAD_SAMPLE__", all).collect();
        assert_eq!(read, [("limits.sign_ins".to_owned(), "3".to_owned())]);
    }

    #[test]
    fn a_mistake_names_the_key() {
        let unknown = load::<Sample>("sample", None, &flags(&[("limits.sing_ins", "3")])).unwrap_err();
        assert!(format!("{unknown:#}").contains("sing_ins"), "{unknown:#}");
        let wrong = load::<Sample>("sample", None, &flags(&[("port", "many")])).unwrap_err();
        assert!(format!("{wrong:#}").contains("port"), "{wrong:#}");
    }
}
