//! The rows of a user who is nobody, by the columns of their tables.

use model::{Bucket, ImageId, SessionId, UserId};
use store::Value;

/// How long the session lasts.
const MONTH_MS: i64 = 30 * 24 * 3_600_000;
/// How long the sweeper leaves the claims alone.
const DEADLINE_MS: i64 = 600_000;
const OPERATION: &str = "seed";
/// No password has this hash: it was drawn, not computed.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2VlZGVkIGJ5IG15cmlhZA$5v0Yx9mHk3v8r1nQm2cW7u4bT6zKqLpXoJdGsEaFhIy";

const FIRST: [&str; 16] = [
    "Ada",
    "Grace",
    "Edsger",
    "Barbara",
    "Alan",
    "Katherine",
    "Donald",
    "Radia",
    "Leslie",
    "Margaret",
    "Tony",
    "Frances",
    "John",
    "Jean",
    "Niklaus",
    "Shafi",
];
const LAST: [&str; 16] = [
    "Lovelace",
    "Hopper",
    "Dijkstra",
    "Liskov",
    "Turing",
    "Johnson",
    "Knuth",
    "Perlman",
    "Lamport",
    "Hamilton",
    "Hoare",
    "Allen",
    "Backus",
    "Bartik",
    "Wirth",
    "Goldwasser",
];

const NULL: Value = Value::Text(None);

pub(super) fn email(id: UserId) -> String {
    format!("seed{}@example.com", id.get())
}

fn one_of(names: &[&'static str; 16], at: u64) -> &'static str {
    usize::try_from(at % 16).ok().and_then(|at| names.get(at)).copied().unwrap_or("Ada")
}

pub(super) fn user(id: UserId, now_ms: i64) -> Vec<Value> {
    vec![
        Bucket::of_user(id).into(),
        id.into(),
        1_u64.into(),
        1_u64.into(),
        "live".into(),
        "user".into(),
        email(id).into(),
        email(id).into(),
        one_of(&FIRST, id.get()).into(),
        one_of(&LAST, id.get() / 16).into(),
        r#"{"streetAddress":"21 2nd Street","city":"New York","state":"NY","postalCode":"10021"}"#.into(),
        r#"["212 555-1234","646 555-4567"]"#.into(),
        0_u64.into(),
        NULL,
        NULL,
        NULL,
        now_ms.into(),
        now_ms.into(),
    ]
}

pub(super) fn password(id: UserId, now_ms: i64) -> Vec<Value> {
    vec![Bucket::of_user(id).into(), id.into(), NOBODYS.into(), now_ms.into()]
}

pub(super) fn reserved(id: UserId, now_ms: i64) -> Vec<Value> {
    claim(id, "reserved", now_ms)
}

pub(super) fn confirmed(id: UserId, now_ms: i64) -> Vec<Value> {
    claim(id, "confirmed", now_ms)
}

fn claim(id: UserId, state: &str, now_ms: i64) -> Vec<Value> {
    let email = email(id);
    let bucket = Bucket::of_email(&email);
    vec![bucket.into(), email.into(), id.into(), state.into(), OPERATION.into(), (now_ms + DEADLINE_MS).into()]
}

pub(super) fn session(id: UserId, now_ms: i64) -> Vec<Value> {
    let mut session = [0; 16];
    session[..8].copy_from_slice(&id.get().to_be_bytes());
    vec![
        Bucket::of_user(id).into(),
        id.into(),
        SessionId(session).into(),
        1_u64.into(),
        now_ms.into(),
        now_ms.into(),
        (now_ms + MONTH_MS).into(),
        "192.0.2.1".into(),
        "Mozilla/5.0 (X11; Linux x86_64)".into(),
        Value::Int(None),
    ]
}

/// It failed, so that nobody looks for its objects and no list of finished pictures has it.
pub(super) fn image(id: UserId, now_ms: i64) -> Vec<Value> {
    let image = ImageId::from_bytes(u128::from(id.get()).to_be_bytes());
    vec![
        Bucket::of_user(id).into(),
        id.into(),
        (&image).into(),
        2_u64.into(),
        "failed".into(),
        1_u64.into(),
        r#"{"thumb":[{"op":"resize","width":256}]}"#.into(),
        "seeded".into(),
        800_u64.into(),
        600_u64.into(),
        200_000_u64.into(),
        "jpeg".into(),
        "[]".into(),
        "BAD_PICTURE".into(),
        "This picture was never there: its user was made by `myriad seed`.".into(),
        now_ms.into(),
        now_ms.into(),
    ]
}

#[cfg(test)]
mod tests {
    use store::Row;
    use store::tables::{credentials, email_claims, images, sessions, users};

    use super::*;
    use crate::growth::seed::{CONFIRMED, OWN, RESERVED};

    #[test]
    fn rows_have_the_columns_of_their_tables_and_can_be_read() {
        let id = UserId::new(12).unwrap();
        for (table, make) in RESERVED.iter().chain(&OWN).chain(&CONFIRMED) {
            assert_eq!(make(id, 1).len(), table.columns.len(), "{}", table.name);
        }
        let read = users::decode(&Row::new(user(id, 1))).unwrap();
        assert_eq!(
            (read.user.id, read.user.email.as_str(), read.state),
            (id, "seed12@example.com", users::State::Live)
        );
        assert!(email_claims::decode(&Row::new(confirmed(id, 1))).is_ok());
        assert_eq!(
            (credentials::TABLE.name, sessions::TABLE.name, images::TABLE.name),
            ("credentials", "sessions", "images")
        );
    }
}
