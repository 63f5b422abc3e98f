//! What a case runs against: a server of some shape, shared by all cases of that shape.

use std::{path::PathBuf, sync::Arc};

use serde_json::Value;
use testkit::{Api, Options, Server};
use tokio::sync::OnceCell;

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
    shards: u32,
    server: Arc<OnceCell<Arc<tokio::sync::Mutex<Server>>>>,
    target: Arc<OnceCell<Target>>,
}

impl Shape {
    pub fn new(name: &'static str, shards: u32) -> Self {
        Self { name, shards, server: Arc::default(), target: Arc::default() }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The target; the first caller starts it.
    pub async fn target(&self) -> Target {
        let start = async || {
            let server = Server::start(options().shards(self.shards)).await.unwrap();
            let target = Target {
                api: server.api().unwrap(),
                ops: server.ops().unwrap(),
                address: server.address().to_owned(),
                admin: Arc::default(),
            };
            self.server.set(Arc::new(tokio::sync::Mutex::new(server))).unwrap();
            target
        };
        self.target.get_or_init(start).await.clone()
    }

    /// Ends the server, if it was started.
    pub async fn stop(&self) {
        if let Some(server) = self.server.get() {
            server.lock().await.kill().await.unwrap();
        }
    }
}

/// A running server seen from outside.
#[derive(Clone)]
pub struct Target {
    /// The public port.
    pub api: Api,
    /// The operators' port.
    pub ops: Api,
    /// `host:port` of the public port.
    pub address: String,
    admin: Arc<OnceCell<String>>,
}

impl Target {
    /// A token of an administrator, made with the command line as an operator would.
    pub async fn admin(&self) -> String {
        let create = async || {
            let email = format!("{}@example.com", testkit::unique("admin"));
            let made = admin(&self.ops, &["create", "--email", &email]).await;
            assert!(made.contains(&email), "{made}");
            let session = testkit::Person::sign_in(&self.api, &email, testkit::PASSWORD).await.expect(201);
            text(&session, "token")
        };
        self.admin.get_or_init(create).await.clone()
    }
}

/// Runs `myriad admin …` against the operators' port and returns what it printed.
pub async fn admin(ops: &Api, arguments: &[&str]) -> String {
    let output = tokio::process::Command::new(binary())
        .arg("admin")
        .args(arguments)
        .args(["--server", ops.base()])
        .env("MYRIAD_PASSWORD", testkit::PASSWORD)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A member's text.
#[track_caller]
pub fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no text {member} in {value}")).to_owned()
}
