//! Sign-up: reserve the e-mail, create the user, confirm the e-mail; three buckets, crash-safe between any two steps.

use api::user::v1 as proto;
use model::{
    Code, Error, Result,
    profile::{NewUser, Role, User},
};
use password::policy;
use prost::Message;
use secrecy::{ExposeSecret, SecretString};
use store::tables::{
    credentials,
    idempotency::Answer,
    users::{self, State, UserRow},
};
use tokio::time::Instant;

use super::{
    Done, Recipes,
    claims::Settled,
    idempotency::{Key, OK, Opened, Operation},
    in_doubt, position,
    user_cache::CachedUser,
};
use crate::metrics;

const SCOPE: &str = "sign-up";

/// A sign-up whose fields were checked.
pub struct SignUp {
    /// The profile.
    pub profile: NewUser,
    /// What the user may do.
    pub role: Role,
    /// The password, not yet looked at.
    pub password: SecretString,
    /// The prints, where the request has a key.
    pub key: Option<Key>,
}

/// A user that a sign-up made.
#[derive(Debug, Clone)]
pub struct Created {
    /// The user.
    pub user: proto::User,
    /// Whether this is the recorded answer to an earlier request.
    pub replayed: bool,
}

/// What the second step met.
enum Made {
    /// The user is there, made now or by this operation before.
    User(Box<User>),
    /// This operation made the user before, who has another address by now.
    MovedOn(Box<User>),
    /// The id is void or its user deleted: this operation is over.
    Over,
}

impl Recipes {
    /// Signs a user up.
    ///
    /// # Errors
    /// `WEAK_PASSWORD`, `EMAIL_TAKEN`, those of a key, `BUSY` where too many passwords wait to be hashed.
    pub async fn sign_up(&self, request: SignUp, now_ms: i64) -> Result<Done<Created>> {
        policy::check(request.password.expose_secret(), Some(&request.profile.email))
            .map_err(|weak| weak.at("/password"))?;
        let this = self.clone();
        let outcome = self.tracked(async move { this.run_sign_up(request, now_ms).await }).await;
        metrics::sign_up(match &outcome {
            Ok(done) if done.value.replayed => "replayed",
            Ok(_) => "created",
            Err(error) if error.code == Code::EmailTaken => "taken",
            Err(_) => "failed",
        });
        outcome
    }

    async fn run_sign_up(&self, request: SignUp, now_ms: i64) -> Result<Done<Created>> {
        let Some(key) = request.key else {
            let operation = self.operation().await?;
            return Ok(self.create(&operation, &request, now_ms).await?.map(fresh));
        };
        let operation = match self.open(SCOPE, key, now_ms).await? {
            Opened::Run(operation) => operation,
            Opened::Replay(answer) => return replay(&answer),
        };
        self.pass("signup-after-begin").await;
        match self.create_and_record(&operation, &request, key, now_ms).await {
            Ok(done) => Ok(done.map(fresh)),
            Err(error) if error.code == Code::EmailTaken => {
                let answer = Answer { code: error.code.as_str().to_owned(), body: error.detail.clone().into_bytes() };
                if self.record(SCOPE, key, &operation, answer).await.is_err() {
                    self.forget(SCOPE, key, &operation).await;
                }
                Err(error)
            }
            // Steps may have been taken: a repeat resumes them with the same ids.
            Err(error) if error.code == Code::InDoubt => {
                self.let_go(SCOPE, key, &operation, now_ms).await;
                Err(error)
            }
            Err(error) => {
                self.forget(SCOPE, key, &operation).await;
                Err(error)
            }
        }
    }

    async fn create_and_record(
        &self,
        operation: &Operation,
        request: &SignUp,
        key: Key,
        now_ms: i64,
    ) -> Result<Done<proto::User>> {
        let mut done = self.create(operation, request, now_ms).await?;
        self.pass("signup-after-confirm").await;
        let answer = Answer { code: OK.to_owned(), body: done.value.encode_to_vec() };
        done.positions.push(self.record(SCOPE, key, operation, answer).await.map_err(|_| in_doubt())?);
        Ok(done)
    }

    async fn create(&self, operation: &Operation, request: &SignUp, now_ms: i64) -> Result<Done<proto::User>> {
        let begun = Instant::now();
        let phc = self.hasher().hash(request.password.clone()).await?;
        // Hashing may have waited its turn; the reservation's time begins now.
        let now_ms = now_ms.saturating_add(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
        let email = request.profile.email.normal();
        let reserved = self.reserve(email, operation.user, &operation.id, now_ms).await?;
        self.pass("signup-after-reserve").await;
        let (made, inserted) = match self.insert_user(operation, request, phc, now_ms).await {
            Ok(inserted) => inserted,
            Err(error) => return Err(self.undo(email, error, now_ms).await),
        };
        self.pass("signup-after-create").await;
        // The user is there: whatever fails from here on, a repeat or the sweeper finishes.
        let (user, confirmed) = match made {
            Made::User(user) => (user, Some(self.confirm(email, &operation.id).await.map_err(|_| in_doubt())?)),
            Made::MovedOn(user) => {
                self.settle(email, now_ms).await.map_err(|_| in_doubt())?;
                (user, None)
            }
            Made::Over => {
                let error = Error::new(Code::Unavailable, "The sign-up took too long and was given up. Try again.");
                return Err(self.undo(email, error, now_ms).await);
            }
        };
        let user = proto::User::from(*user);
        let mark = self.mark(operation.user, inserted);
        self.users().keep(&CachedUser { user: user.clone(), mark }).await;
        let positions = [Some(reserved), Some(inserted), confirmed].into_iter().flatten().collect();
        Ok(Done { value: user, positions })
    }

    /// Gives a reservation back after `error`. What cannot be given back for certain is in doubt, never failed.
    async fn undo(&self, email: &str, error: Error, now_ms: i64) -> Error {
        if error.code == Code::InDoubt {
            return error;
        }
        match self.settle(email, now_ms).await {
            Ok(Settled::Released | Settled::Absent) => error,
            Ok(Settled::Confirmed | Settled::LeftAlone) | Err(_) => in_doubt(),
        }
    }

    async fn insert_user(
        &self,
        operation: &Operation,
        request: &SignUp,
        phc: String,
        now_ms: i64,
    ) -> Result<(Made, api::position::Position)> {
        let row = new_row(operation, request, now_ms);
        let written = self
            .shards()
            .write(operation.user, move |tx| {
                Box::pin(async move {
                    let (bucket, id) = (tx.bucket(), row.user.id);
                    if users::insert(tx, &row).await? {
                        credentials::set(tx, id, &phc, now_ms).await?;
                        return Ok(Made::User(Box::new(row.user)));
                    }
                    Ok(match users::get_live(tx, bucket, id).await? {
                        Some(found) if found.email_normal == row.email_normal => Made::User(Box::new(found.user)),
                        Some(found) => Made::MovedOn(Box::new(found.user)),
                        None => Made::Over,
                    })
                })
            })
            .await?;
        Ok((written.value, position(written.position)))
    }
}

fn new_row(operation: &Operation, request: &SignUp, now_ms: i64) -> UserRow {
    let profile = &request.profile;
    UserRow {
        state: State::Live,
        session_epoch: 1,
        email_normal: profile.email.normal().to_owned(),
        picture_version: 0,
        user: User {
            id: operation.user,
            version: 1,
            email: profile.email.given().to_owned(),
            first_name: profile.first_name.clone(),
            last_name: profile.last_name.clone(),
            address: profile.address.clone(),
            phone_numbers: profile.phone_numbers.clone(),
            picture: None,
            role: request.role,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
        },
    }
}

const fn fresh(user: proto::User) -> Created {
    Created { user, replayed: false }
}

fn replay(answer: &Answer) -> Result<Done<Created>> {
    if answer.code == OK {
        let user = proto::User::decode(answer.body.as_slice()).map_err(|_| Error::internal())?;
        return Ok(Done { value: Created { user, replayed: true }, positions: Vec::new() });
    }
    let code = Code::ALL.into_iter().find(|code| code.as_str() == answer.code).ok_or_else(Error::internal)?;
    Err(Error::new(code, String::from_utf8_lossy(&answer.body)).replayed())
}
