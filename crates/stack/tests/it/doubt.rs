//! Commits whose answer never came, through the whole stack: a repeat with the same key has one effect in all.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testkit::{Answer, Api, Call, PASSWORD, Person, engines::Cut, unique};

use crate::{World, faults::long, photos};

fn commits() -> usize {
    if long() { 1_000 } else { 100 }
}

/// Sign-ins of one person, below the twenty sessions after which the oldest ends; and as many uploads, all of whose jobs may run.
const EACH: usize = 16;
/// How long an operation is repeated.
const LIMIT: Duration = Duration::from_mins(1);

/// How the first attempts were answered.
type Answers = BTreeMap<String, usize>;

// R14: the connection to the shard is cut around COMMIT; half of the commits happened, and nobody can tell which half.
pub async fn a_commit_in_doubt_has_one_effect(world: &mut World) {
    let api = Api::new(&world.stack.url()).unwrap();
    let wire = world.stack.wire().unwrap();
    let (began, goal) = (Instant::now(), wire.cuts() + commits());
    let (mut first, mut operations) = (Answers::new(), 0);
    while wire.cuts() < goal {
        let john = person_of_the_first_shard(&api).await;
        for number in 0..EACH {
            for act in [Act::SignUp, Act::SignIn, Act::Upload, Act::Patch] {
                wire.cut_next(if (operations + number) % 2 == 0 { Cut::Answer } else { Cut::Request });
                act.until_answered(&api, &john, &mut first).await;
                operations += 1;
            }
        }
        wire.cut_next(Cut::No);
        one_effect_each(&api, &john).await;
    }
    println!(
        "{} commits cut, {operations} operations repeated until they were answered, in {:.0} s: 0 double effects",
        commits(),
        began.elapsed().as_secs_f64()
    );
    println!("first answers: {first:?}");
    assert!(first.keys().any(|answer| answer.contains("IN_DOUBT")), "nothing was in doubt: {first:?}");
}

async fn person_of_the_first_shard(api: &Api) -> Person {
    loop {
        let person = Person::new(api).await;
        if person.id.is_multiple_of(4) {
            return person;
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Act {
    SignUp,
    SignIn,
    Upload,
    Patch,
}

impl Act {
    /// Does it, and again with the same key as long as nobody says how it ended.
    async fn until_answered(self, api: &Api, john: &Person, first: &mut Answers) {
        let (key, began) = (unique("key"), Instant::now());
        let mut body = Person::body();
        let tag = match self {
            Self::SignIn => {
                body = json!({"email": john.email, "password": PASSWORD});
                String::new()
            }
            Self::Patch => {
                body = json!({"lastName": unique("Smith")});
                tag(api, john).await
            }
            Self::SignUp | Self::Upload => String::new(),
        };
        let mut attempts = 0;
        let answer = loop {
            let answer = self.call(api, john, &key, &tag, &body).try_send().await.ok();
            attempts += 1;
            if attempts == 1 {
                *first.entry(format!("{self:?} {}", said(answer.as_ref()))).or_default() += 1;
            }
            match answer {
                Some(answer) if !is_open(&answer) => break answer,
                answer => assert!(began.elapsed() < LIMIT, "{self:?} has no end: {answer:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        match self {
            Self::SignUp => {
                let id = answer.expect(201)["id"].as_u64().unwrap();
                let email = body["email"].as_str().unwrap();
                // The address is confirmed by a commit of its own, which may be the one that was cut.
                let session = testkit::eventually("the new user signs in", LIMIT, async || {
                    let answer = Person::sign_in(api, email, PASSWORD).await;
                    (answer.status == 201).then(|| answer.json())
                });
                assert_eq!(session.await["userId"], id);
            }
            Self::SignIn => drop(answer.expect(201)),
            Self::Upload => drop(answer.expect(202)),
            // A change needs no key: one that was made has another tag now, and is not made again.
            Self::Patch => {
                assert!(answer.status == 200 || (attempts > 1 && answer.status == 412), "{answer:?}");
                let user = api.get(&john.path()).bearer(&john.token).send().await.expect(200);
                assert_eq!(user["lastName"], body["lastName"]);
            }
        }
    }

    fn call(self, api: &Api, john: &Person, key: &str, tag: &str, body: &Value) -> Call {
        match self {
            Self::SignUp => api.post("/v1/users").header("idempotency-key", key).json(body),
            Self::SignIn => api.post("/v1/sessions").header("idempotency-key", key).json(body),
            Self::Upload => {
                let call = api.post(&format!("{}/images", john.path())).bearer(&john.token);
                let chain = json!([{"op": "resize", "width": 16}]);
                call.header("idempotency-key", key).upload(photos::DEMO.to_vec(), "operations", &chain)
            }
            Self::Patch => api.patch(&john.path()).bearer(&john.token).header("if-match", tag).json(body),
        }
    }
}

/// Whether it may yet end either way: the client is asked to come again.
fn is_open(answer: &Answer) -> bool {
    answer.status == 503 || (answer.status == 409 && answer.json()["code"] == "IDEMPOTENCY_IN_PROGRESS")
}

fn said(answer: Option<&Answer>) -> String {
    answer.map_or("no answer".to_owned(), |answer| {
        format!("{} {}", answer.status.as_u16(), answer.json()["code"].as_str().unwrap_or_default())
    })
}

async fn tag(api: &Api, john: &Person) -> String {
    let answer = testkit::eventually("the user is read", LIMIT, async || {
        let answer = api.get(&john.path()).bearer(&john.token).try_send().await.ok()?;
        (answer.status == 200).then_some(answer)
    });
    answer.await.header("etag").to_owned()
}

/// Each key's session and picture is there once.
async fn one_effect_each(api: &Api, john: &Person) {
    let sessions = api.get("/v1/sessions").bearer(&john.token).send().await.expect(200);
    assert_eq!(sessions["items"].as_array().unwrap().len(), EACH + 1, "sessions: {sessions}");
    let images = api.get(&format!("{}/images?limit=200", john.path())).bearer(&john.token).send().await.expect(200);
    assert_eq!(images["items"].as_array().unwrap().len(), EACH, "pictures: {images}");
}
