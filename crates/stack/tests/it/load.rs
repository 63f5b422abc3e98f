//! Mixed load, each operation written down: who asked for what, when, and what came of it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;
use model::Bucket;
use serde_json::json;
use stack::Stack;
use testkit::{Answer, Api, Ledger, Person};
use tokio::task::JoinHandle;

use crate::photos;

/// What a client did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Read,
    Write,
    SignIn,
    Upload,
}

/// One operation and its end.
#[derive(Debug, Clone)]
pub struct Operation {
    pub kind: Kind,
    /// The shards it needs: that of the user it was about, and at a sign-in that of the e-mail address.
    pub shards: [u64; 2],
    pub began: Instant,
    pub took: Duration,
    /// The status and the problem's code; none where no answer came.
    pub answer: Option<(u16, String)>,
    /// Whether a refusal said when to come again.
    pub retry_after: bool,
}

impl Operation {
    pub fn succeeded(&self) -> bool {
        self.answer.as_ref().is_some_and(|(status, _)| (200..300).contains(status))
    }
}

/// Users, two on each of four shards, and the load they make.
pub struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
    operations: Arc<Mutex<Vec<Operation>>>,
    pub ledger: Arc<Ledger>,
    /// Acknowledged writes that writers missed while they went on.
    lost: Arc<Mutex<Vec<String>>>,
    pub people: Vec<Person>,
    uploads: Arc<Mutex<Vec<(usize, String)>>>,
    api: Api,
}

const PEOPLE: usize = 8;
/// The pause between a client's operations.
const PACE: Duration = Duration::from_millis(15);

/// Signs up people until each of the four shards has two.
pub async fn people(api: &Api) -> Vec<Person> {
    let mut found: Vec<Person> = Vec::new();
    while found.len() < PEOPLE {
        let person = Person::new(api).await;
        if found.iter().filter(|other| other.id % 4 == person.id % 4).count() < PEOPLE / 4 {
            found.push(person);
        }
    }
    found
}

impl Load {
    /// Starts a reader and a writer a person, one who signs in and one who uploads.
    pub async fn start(stack: &Stack) -> Self {
        let api = Api::new(&stack.url()).unwrap();
        let people = people(&api).await;
        let mut load = Self {
            stop: Arc::default(),
            clients: Vec::new(),
            operations: Arc::default(),
            ledger: Arc::default(),
            lost: Arc::default(),
            people,
            uploads: Arc::default(),
            api,
        };
        for (index, john) in load.people.clone().into_iter().enumerate() {
            load.spawn(john.clone(), Kind::Read, PACE, async |api, john, _| {
                api.get(&john.path()).bearer(&john.token).try_send().await.ok()
            });
            let writer =
                Arc::new(Writer { ledger: load.ledger.clone(), lost: load.lost.clone(), tag: Mutex::default() });
            load.spawn(john.clone(), Kind::Write, PACE, move |api, john, number| {
                let writer = writer.clone();
                async move { writer.write(&api, &john, number).await }
            });
            if index < 4 {
                let uploads = load.uploads.clone();
                load.spawn(john, Kind::Upload, Duration::from_millis(1_500), move |api, john, _| {
                    let uploads = uploads.clone();
                    async move { upload(&api, &john, index, &uploads).await }
                });
            }
        }
        // Somebody else: the oldest session ends with the twenty-first.
        let jane = Person::new(&load.api).await;
        load.spawn(jane, Kind::SignIn, Duration::from_millis(300), async |api, jane, _| {
            let body = json!({"email": jane.email, "password": testkit::PASSWORD});
            api.post("/v1/sessions").json(&body).try_send().await.ok()
        });
        load
    }

    fn spawn<A, F>(&mut self, john: Person, kind: Kind, pace: Duration, act: A)
    where
        A: Fn(Api, Person, u64) -> F + Send + Sync + 'static,
        F: Future<Output = Option<Answer>> + Send,
    {
        let (api, stop, operations) = (self.api.clone(), self.stop.clone(), self.operations.clone());
        self.clients.push(tokio::spawn(async move {
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let began = Instant::now();
                let answer = act(api.clone(), john.clone(), number).await;
                let retry_after = answer.as_ref().is_some_and(|answer| !answer.header("retry-after").is_empty());
                let answer = answer.map(|answer| {
                    let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
                    (answer.status.as_u16(), code)
                });
                let operation =
                    Operation { kind, shards: shards(&john, kind), began, took: began.elapsed(), answer, retry_after };
                operations.lock().unwrap().push(operation);
                tokio::time::sleep(pace).await;
            }
        }));
    }

    /// Takes what was done so far.
    pub fn take(&self) -> Vec<Operation> {
        std::mem::take(&mut *self.operations.lock().unwrap())
    }

    /// Ends the load and holds the ledger against the server; returns what is wrong.
    pub async fn end(mut self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        join_all(std::mem::take(&mut self.clients)).await;
        let mut violations = std::mem::take(&mut *self.lost.lock().unwrap());
        for john in &self.people {
            let user = self.api.get(&john.path()).bearer(&john.token).send().await.expect(200);
            violations.extend(self.ledger.violation(&john.path(), user["lastName"].as_str()));
        }
        let uploads = self.uploads.lock().unwrap().clone();
        for (index, image) in uploads {
            let john = &self.people[index];
            let path = format!("{}/images/{image}", john.path());
            let done = testkit::eventually("every acknowledged picture is done", Duration::from_mins(2), async || {
                let image = self.api.get(&path).bearer(&john.token).try_send().await.ok()?.json();
                matches!(image["status"].as_str(), Some("done" | "failed")).then_some(image)
            })
            .await;
            if done["status"] != "done" || done["variants"].as_array().is_none_or(|variants| variants.len() != 1) {
                violations.push(format!("{path}: {done}"));
            }
        }
        violations
    }
}

fn shards(john: &Person, kind: Kind) -> [u64; 2] {
    let user = john.id % 4;
    let address = u64::from(Bucket::of_email(&john.email).0 % 4);
    [user, if kind == Kind::SignIn { address } else { user }]
}

impl Drop for Load {
    /// A drill that fails leaves no load behind for the next.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// One who changes a profile. Each change is made to what the last acknowledged one left: were that lost, the tag would not match.
struct Writer {
    ledger: Arc<Ledger>,
    lost: Arc<Mutex<Vec<String>>>,
    /// Of the last acknowledged change; none where the last one's end is not known.
    tag: Mutex<Option<String>>,
}

impl Writer {
    async fn write(&self, api: &Api, john: &Person, number: u64) -> Option<Answer> {
        let acknowledged = self.tag.lock().unwrap().take();
        let tag = match &acknowledged {
            Some(tag) => tag.clone(),
            None => match self.look(api, john).await? {
                Ok(tag) => tag,
                Err(refusal) => return Some(refusal),
            },
        };
        let name = format!("Smith-{number}-{}", testkit::unique("w"));
        self.ledger.sent(&john.path(), &name);
        let call = api.patch(&john.path()).bearer(&john.token).header("if-match", &tag);
        let answer = call.json(&json!({"lastName": name})).try_send().await.ok()?;
        if answer.status == 200 {
            self.ledger.acknowledged(&john.path(), &name);
            *self.tag.lock().unwrap() = Some(answer.header("etag").to_owned());
        } else if answer.status == 412 && acknowledged.is_some() {
            self.lost.lock().unwrap().push(format!("{}: what {tag} stood for is not there", john.path()));
        }
        Some(answer)
    }

    /// Reads the tag, and holds the ledger against what is there. A change in doubt that was made may show only a moment later.
    async fn look(&self, api: &Api, john: &Person) -> Option<Result<String, Answer>> {
        let answer = api.get(&john.path()).bearer(&john.token).try_send().await.ok()?;
        if answer.status != 200 {
            return Some(Err(answer));
        }
        let user = answer.json();
        self.lost.lock().unwrap().extend(self.ledger.violation(&john.path(), user["lastName"].as_str()));
        Some(Ok(answer.header("etag").to_owned()))
    }
}

async fn upload(api: &Api, john: &Person, index: usize, uploads: &Mutex<Vec<(usize, String)>>) -> Option<Answer> {
    let call = api.post(&format!("{}/images", john.path())).bearer(&john.token);
    let chain = json!([{"op": "resize", "width": 48}]);
    let answer = call.upload(photos::DEMO.to_vec(), "operations", &chain).try_send().await.ok()?;
    if answer.status == 202 {
        uploads.lock().unwrap().push((index, answer.json()["id"].as_str()?.to_owned()));
    }
    Some(answer)
}
