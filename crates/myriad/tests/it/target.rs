//! What a case runs against: a server of some shape, shared by all cases of that shape.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use stack::{Role, Stack};
use tempfile::TempDir;
use testkit::{Api, Options, Server};
use tokio::sync::{Mutex, OnceCell};

/// The binary under test.
pub fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_myriad"))
}

/// Options of a server for drills.
pub fn options() -> Options {
    Options::new(binary())
}

/// One way to run Myriad.
#[derive(Clone)]
pub struct Shape {
    name: &'static str,
    kind: Kind,
    running: Arc<Mutex<Option<Running>>>,
    target: Arc<OnceCell<Target>>,
}

#[derive(Clone, Copy)]
enum Kind {
    /// One process, so many shards.
    Embedded(u32),
    /// Every service a process of its own, on PostgreSQL, Redis, RabbitMQ and S3.
    Stack,
}

/// What has to be ended.
enum Running {
    Embedded(Box<Server>),
    Stack(Box<Stack>, TempDir),
}

impl Shape {
    pub fn all() -> [Self; 3] {
        let shape = |name, kind| Self { name, kind, running: Arc::default(), target: Arc::default() };
        [shape("one_shard", Kind::Embedded(1)), shape("four_shards", Kind::Embedded(4)), shape("stack", Kind::Stack)]
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The target; the first caller starts it.
    pub async fn target(&self) -> Target {
        let start = async || {
            let (running, target) = match self.kind {
                Kind::Embedded(shards) => embedded(shards).await,
                Kind::Stack => scaled().await,
            };
            *self.running.lock().await = Some(running);
            target
        };
        self.target.get_or_init(start).await.clone()
    }

    /// Ends the server, if it was started.
    pub async fn stop(&self) {
        match self.running.lock().await.take() {
            Some(Running::Embedded(mut server)) => server.kill().await.unwrap(),
            Some(Running::Stack(stack, _directory)) => stack.stop().await.unwrap(),
            None => {}
        }
    }
}

async fn embedded(shards: u32) -> (Running, Target) {
    let server = Server::start(options().shards(shards)).await.unwrap();
    let ops = server.ops().unwrap();
    let target = Target {
        api: server.api().unwrap(),
        operators: Operators::of(&server),
        ops,
        address: server.address().to_owned(),
        admin: Arc::default(),
        revocation: Duration::ZERO,
    };
    (Running::Embedded(Box::new(server)), target)
}

async fn scaled() -> (Running, Target) {
    let directory = TempDir::with_prefix("myriad-stack-").unwrap();
    let options = stack::Options::new(directory.path()).unwrap();
    let stack = Stack::start(options, |_, _| {}).await.unwrap();
    let target = Target {
        api: Api::new(&stack.url()).unwrap(),
        ops: Api::new(&stack.ops(Role::Gateway).unwrap()).unwrap(),
        operators: Operators { url: stack.ops(Role::UserService).unwrap(), key: stack.service_key().to_owned() },
        // HAProxy mends or refuses doubtful framing itself; what the gateway does is seen at the gateway.
        address: format!("127.0.0.1:{}", stack.layout().of(Role::Gateway).next().unwrap().port.unwrap()),
        admin: Arc::default(),
        // The contract's second, and what an answer takes.
        revocation: Duration::from_millis(1_200),
    };
    (Running::Stack(Box::new(stack), directory), target)
}

/// A running server seen from outside.
#[derive(Clone)]
pub struct Target {
    /// The public port.
    pub api: Api,
    /// The operators' port of the edge: health and metrics.
    pub ops: Api,
    /// Where operators' calls are answered.
    pub operators: Operators,
    /// `host:port` of the public port, or of one gateway's own where a balancer stands before it.
    pub address: String,
    admin: Arc<OnceCell<String>>,
    /// How long a session that was ended may still be used.
    revocation: Duration,
}

impl Target {
    /// Requires that a session is over: at once where one gateway answers; of several, another may know it for a moment.
    pub async fn require_signed_out(&self, token: &str) {
        let until = Instant::now() + self.revocation;
        loop {
            let answer = self.api.get("/v1/users/me").bearer(token).send().await;
            if answer.status == 401 || Instant::now() >= until {
                answer.problem(401, "UNAUTHENTICATED");
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A token of an administrator, made with the command line as an operator would.
    pub async fn admin(&self) -> String {
        let create = async || {
            let email = format!("{}@example.com", testkit::unique("admin"));
            let made = admin(&self.operators, &["create", "--email", &email]).await;
            assert!(made.contains(&email), "{made}");
            let session = testkit::Person::sign_in(&self.api, &email, testkit::PASSWORD).await.expect(201);
            text(&session, "token")
        };
        self.admin.get_or_init(create).await.clone()
    }
}

/// The port of operators' calls, and the key it asks for.
#[derive(Clone)]
pub struct Operators {
    url: String,
    key: String,
}

impl Operators {
    /// Those of a server in one process.
    pub fn of(server: &Server) -> Self {
        Self { url: server.ops().unwrap().base().to_owned(), key: String::new() }
    }

    /// `myriad …`, against this port.
    pub fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(binary());
        command.args(arguments).args(["--server", &self.url]).env("MYRIAD_PASSWORD", testkit::PASSWORD);
        if !self.key.is_empty() {
            command.env("MYRIAD_SERVICE_KEY", &self.key);
        }
        command
    }
}

/// Runs `myriad admin …` against the operators' port and returns what it printed.
pub async fn admin(operators: &Operators, arguments: &[&str]) -> String {
    let output = operators.command(&[&["admin"], arguments].concat()).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A member's text.
#[track_caller]
pub fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no text {member} in {value}")).to_owned()
}
