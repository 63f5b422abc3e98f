//! The process itself: start, stop, configuration, the demo, and the shape of the workspace.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt, process::Output};

use testkit::Server;
use tokio::process::Command;

use crate::target::{binary, options};

async fn run(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).output().await.unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

// R1
pub async fn an_empty_directory_is_enough() {
    let server = Server::start(options()).await.unwrap();
    assert_eq!(server.ops().unwrap().get("/readyz").send().await.status, 200);
    let data = server.directory().join("data");
    assert!(
        data.join("catalog.db").exists() && data.join("shards/local.db").exists(),
        "{:?}",
        data.read_dir().unwrap()
    );
    let secret =
        std::fs::metadata(data.join("secrets/token.keys")).or_else(|_| std::fs::metadata(data.join("token.keys")));
    assert_eq!(secret.unwrap().permissions().mode() & 0o077, 0, "keys are for their owner only");
}

pub async fn a_signal_drains_and_ends_with_zero() {
    let mut server = Server::start(options()).await.unwrap();
    testkit::Person::new(&server.api().unwrap()).await;
    let started = std::time::Instant::now();
    assert!(server.stop().await.unwrap().success());
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    server.restart().await.unwrap();
    assert_eq!(server.ops().unwrap().get("/readyz").send().await.status, 200);
}

pub async fn mistakes_in_the_configuration_name_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    for (setting, named) in [
        ("gateway.lisen=1", "lisen"),
        ("gateway.server.connections=many", "connections"),
        ("nothing.at.all=1", "nothing"),
    ] {
        let output =
            run(&["serve", "--data-dir", data, "--http", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--set", setting])
                .await;
        assert_eq!(output.status.code(), Some(2), "{setting}: {}", stderr(&output));
        assert!(stderr(&output).contains(named), "{setting}: {}", stderr(&output));
    }
    let printed = run(&["serve", "--print-config"]).await;
    assert!(printed.status.success(), "{}", stderr(&printed));
    serde_json::from_slice::<serde_json::Value>(&printed.stdout).unwrap();
}

pub async fn a_directory_that_cannot_be_used_is_said_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let output =
        run(&["serve", "--data-dir", file.to_str().unwrap(), "--http", "127.0.0.1:0", "--ops", "127.0.0.1:0"]).await;
    assert!(!output.status.success());
    assert!(stderr(&output).contains(file.to_str().unwrap()), "{}", stderr(&output));
    // A port that is taken is said, too.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = directory.path().join("data");
    let output =
        run(&["serve", "--data-dir", data.to_str().unwrap(), "--http", &address, "--ops", "127.0.0.1:0"]).await;
    assert!(!output.status.success());
    assert!(stderr(&output).contains(&address), "{}", stderr(&output));
}

pub async fn another_number_of_shards_is_refused() {
    let mut server = Server::start(options().shards(1)).await.unwrap();
    server.stop().await.unwrap();
    let refused = server.restart_with(options().shards(4)).await.unwrap_err().to_string();
    assert!(refused.contains("shard"), "{refused}");
    server.restart_with(options().shards(1)).await.unwrap();
}

pub async fn the_demo_does_the_main_job() {
    let server = Server::start(options()).await.unwrap();
    let url = server.api().unwrap().base().to_owned();
    let output = run(&["demo", "--url", &url]).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", stderr(&output));
    assert!(text.contains("upload a photograph") && text.contains("/v1/media/"), "{text}");
    let output = run(&["demo", "--url", "http://127.0.0.1:9"]).await;
    assert!(!output.status.success());
    assert!(stderr(&output).contains("running"), "{}", stderr(&output));
}

/// The layers, from the ground up. A crate may depend on crates of lower layers only; services never on one another.
const LAYERS: [(&str, u32); 29] = [
    ("model", 0),
    ("api", 1),
    ("objects", 1),
    ("password", 1),
    ("picture", 1),
    ("queue", 1),
    ("store", 1),
    ("token", 1),
    ("s3-server", 1),
    ("testkit", 1),
    ("cache", 1),
    ("feed", 1),
    ("cache-redis", 2),
    ("imaging", 2),
    ("moves", 2),
    ("queue-rabbitmq", 2),
    ("runtime", 2),
    ("store-postgres", 2),
    ("store-sqlite", 2),
    ("topology", 3),
    ("engines", 4),
    ("gateway", 5),
    ("image-worker", 5),
    ("session-service", 5),
    ("shard-router", 5),
    ("user-service", 5),
    ("myriad", 6),
    ("stack", 2),
    ("cluster", 2),
];

// R75
pub async fn dependencies_point_one_way() {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec().unwrap();
    let layers: BTreeMap<_, _> = LAYERS.into_iter().collect();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let layer = *layers.get(name).unwrap_or_else(|| panic!("{name} has no layer: give it one"));
        for dependency in &package.dependencies {
            let normal = dependency.kind == cargo_metadata::DependencyKind::Normal;
            if let (Some(below), true) = (layers.get(dependency.name.as_str()), normal) {
                assert!(*below < layer, "{name} must not depend on {}", dependency.name);
                // These two ship with nothing: they are the test kit's own shapes of deployment.
                assert!(
                    ["stack", "cluster"].contains(&name) || dependency.name != "testkit",
                    "{name} ships the test kit"
                );
            }
        }
    }
}

/// `deploy/config/<service>.toml` names every setting with its default: who starts from it starts from what holds without it.
pub async fn the_documented_configuration_is_the_default() {
    let files = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config");
    for service in ["gateway", "image-worker", "session-service", "shard-router", "user-service"] {
        let program = binary().with_file_name(service);
        let print = async |arguments: &[&str]| {
            let printed =
                tokio::process::Command::new(&program).args(arguments).arg("--print-config").output().await.unwrap();
            assert!(printed.status.success(), "{service}: {}", String::from_utf8_lossy(&printed.stderr));
            serde_json::from_slice::<serde_json::Value>(&printed.stdout).unwrap()
        };
        let file = files.join(format!("{service}.toml"));
        let (documented, default) = (print(&["--config", file.to_str().unwrap()]).await, print(&[]).await);
        assert_eq!(documented, default, "{service}");
        let text = std::fs::read_to_string(&file).unwrap();
        let named =
            |key: &str| text.lines().any(|line| line.trim_start_matches(['#', ' ']).starts_with(&format!("{key} =")));
        for (key, value) in default.as_object().unwrap() {
            let table = text.contains(&format!("[{key}]")) || text.contains(&format!("[{key}."));
            assert!(table || named(key), "{service}.toml does not name {key} = {value}");
        }
    }
}
