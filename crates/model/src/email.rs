//! E-mail addresses: kept as given, compared by a normal form.

use std::fmt;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;

/// The longest address, in bytes of UTF-8 (RFC 5321's path less its brackets).
pub const MAX_BYTES: usize = 254;
const MAX_LOCAL_BYTES: usize = 64;

/// An e-mail address.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress {
    given: String,
    normal: String,
}

impl EmailAddress {
    /// Reads an address, or says what is wrong with it.
    ///
    /// Taken: a dot-atom local part (RFC 5321, with UTF-8 as in RFC 6531), `@`, and a domain name of at least two labels that
    /// UTS 46 accepts. Not taken: quoted local parts, address literals, white space, comments.
    /// Two addresses are the same where their normal forms are: NFC and full case folding, the domain in its ASCII form.
    pub fn parse(given: &str) -> Result<Self, &'static str> {
        if given.len() > MAX_BYTES {
            return Err("must have at most 254 bytes");
        }
        let (local, domain) = given.rsplit_once('@').ok_or("must look like name@example.com")?;
        check_local(local)?;
        let domain = ascii_domain(domain)?;
        let normal = format!("{}@{domain}", fold(local));
        if normal.len() > MAX_BYTES {
            return Err("must have at most 254 bytes");
        }
        Ok(Self { given: given.to_owned(), normal })
    }

    /// As the person typed it.
    pub fn given(&self) -> &str {
        &self.given
    }

    /// What two equal addresses have in common.
    pub fn normal(&self) -> &str {
        &self.normal
    }
}

// An address is personal data: it does not get into a log by being debugged.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

fn check_local(local: &str) -> Result<(), &'static str> {
    if local.is_empty() || local.len() > MAX_LOCAL_BYTES {
        return Err("must have 1 to 64 bytes before the @");
    }
    if local.starts_with('"') {
        return Err("must not have a quoted part before the @");
    }
    let atom =
        |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c) || (!c.is_ascii() && !is_space(c));
    if !local.split('.').all(|part| !part.is_empty() && part.chars().all(atom)) {
        return Err("must have letters, digits, single dots and the usual signs only before the @");
    }
    Ok(())
}

fn is_space(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

fn ascii_domain(domain: &str) -> Result<String, &'static str> {
    const WRONG: &str = "must have a domain name such as example.com after the @";
    if domain.starts_with('[') {
        return Err("must not have an address literal after the @");
    }
    let ascii = idna::domain_to_ascii_strict(domain).map_err(|_| WRONG)?;
    let labels = ascii.split('.').count();
    let numeric_top = ascii.rsplit('.').next().is_some_and(|top| top.bytes().all(|byte| byte.is_ascii_digit()));
    if labels < 2 || numeric_top || ascii.ends_with('.') || ascii.len() > 253 {
        return Err(WRONG);
    }
    Ok(ascii)
}

/// NFC of the full case folding of NFC: folding may take a composed letter apart.
fn fold(text: &str) -> String {
    let nfc = ComposingNormalizer::new_nfc();
    let folded = CaseMapper::new().fold_string(&nfc.normalize(text)).into_owned();
    nfc.normalize(&folded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> String {
        EmailAddress::parse(text).unwrap().normal().to_owned()
    }

    #[test]
    fn equal_addresses_have_one_normal_form() {
        assert_eq!(normal("John.Smith@Example.COM"), "john.smith@example.com");
        assert_eq!(normal("straße@example.com"), normal("STRASSE@example.com"));
        assert_eq!(normal("e\u{301}@example.com"), normal("É@example.com"));
        assert_eq!(normal("a@bücher.example"), normal("A@xn--bcher-kva.example"));
        assert_eq!(EmailAddress::parse("John@Example.com").unwrap().given(), "John@Example.com");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        for wrong in [
            "",
            "a",
            "@example.com",
            "a@",
            "a@b",
            "a b@example.com",
            "a@exa mple.com",
            "a..b@example.com",
            ".a@example.com",
            "a.@example.com",
            "\"a\"@example.com",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@-x.com",
            "a@x..com",
            "a@b@c.com",
            "a\u{0}@example.com",
            "a@example.com\n",
            "a\u{200b}@example.com",
            "<a@example.com>",
            "a@example.com.",
            &long,
        ] {
            assert!(EmailAddress::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
