//! The configuration file of each instance, and the secrets it names.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use testkit::engines::{Postgres, Rabbitmq, Redis, S3};

use crate::{
    layout::{Layout, Place, Role},
    stack::Databases,
};

/// Where the engines are, as the services' settings take it.
#[derive(Debug)]
pub struct Addresses {
    catalog: String,
    shards: Vec<String>,
    redis: String,
    /// Sections of the configuration files.
    rabbitmq: String,
    s3: String,
}

impl Addresses {
    /// The engines that were started.
    pub fn of(databases: &Databases, redis: &Redis, rabbitmq: &Rabbitmq, s3: &S3) -> Self {
        let s3 = format!(
            "endpoint = \"{}\"\nbucket = \"{}\"\naccess_key = \"{}\"\nsecret_key = \"{}\"\n",
            s3.endpoint(),
            s3.bucket(),
            s3.access_key(),
            s3.secret_key()
        );
        Self {
            catalog: databases.catalog.clone(),
            shards: databases.shards.clone(),
            redis: redis.url(),
            rabbitmq: format!(
                "url = \"{}\"\nuser = \"{}\"\npassword = \"{}\"\n",
                rabbitmq.url(),
                rabbitmq.user(),
                rabbitmq.password()
            ),
            s3,
        }
    }
}

/// Drawn anew for each stack.
pub struct Secrets {
    /// The services' key.
    pub service_key: String,
    router: String,
    user_service: String,
    session_service: String,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// Draws them, and writes down those that processes read from files.
    pub fn new(directory: &Path) -> Result<Self> {
        let secrets = Self { service_key: draw()?, router: draw()?, user_service: draw()?, session_service: draw()? };
        write_private(&directory.join("service.key"), &secrets.service_key)?;
        Ok(secrets)
    }

    /// Makes the services' roles on a server.
    pub async fn create_roles(&self, server: &Postgres) -> Result<()> {
        let passwords = [
            ("router_password", self.router.as_str()),
            ("user_service_password", self.user_service.as_str()),
            ("session_service_password", self.session_service.as_str()),
        ];
        server.script("postgres", include_str!("../../../deploy/postgres/roles.sql"), &passwords).await.map(drop)
    }
}

/// 256 bits as hexadecimal digits.
fn draw() -> Result<String> {
    let mut bytes = [0; 32];
    std::io::Read::read_exact(&mut fs::File::open("/dev/urandom")?, &mut bytes)
        .context("/dev/urandom cannot be read")?;
    Ok(bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes the configuration file of an instance: `<its folder>/config.toml`, readable by its owner only.
pub fn write_config(layout: &Layout, at: &Addresses, secrets: &Secrets, place: &Place) -> Result<PathBuf> {
    let file = layout.folder(&place.name).join("config.toml");
    write_private(&file, &config(layout, at, secrets, place))?;
    Ok(file)
}

fn config(layout: &Layout, at: &Addresses, secrets: &Secrets, place: &Place) -> String {
    let root = layout.options.directory.display();
    let data_dir = layout.folder(&place.name);
    let data_dir = data_dir.display();
    let port = place.port.unwrap_or_default();
    let (routers, users, sessions) = (
        layout.addresses(Role::ShardRouter),
        layout.addresses(Role::UserService),
        layout.addresses(Role::SessionService),
    );
    let telemetry = format!("[telemetry]\notlp_endpoint = \"{}\"\nsample_ratio = 0.0\n", layout.options.otlp);
    let service_key = format!("ops = \"127.0.0.1:{}\"\nservice_key = \"file:{root}/service.key\"\n", place.ops);
    let grpc = format!("grpc = \"127.0.0.1:{port}\"\ndata_dir = \"{data_dir}\"\n{service_key}");
    let postgres = |role: &str, password: &str| {
        format!("[engines.postgres]\nuser = \"myriad_{role}\"\npassword = \"{password}\"\n")
    };
    let redis = format!("[cache.redis]\nurl = \"{}\"\n", at.redis);
    let rabbitmq = format!("[rabbitmq]\n{}", at.rabbitmq);
    let s3 = format!("[objects.s3]\n{}", at.s3);
    match place.role {
        Role::ShardRouter => {
            let shards: Vec<_> = at.shards.iter().map(|shard| format!("\"{shard}\"")).collect();
            let engine = postgres("router", &secrets.router);
            format!(
                "{grpc}catalog = \"{}\"\nshard_locations = [{}]\n{engine}{telemetry}",
                at.catalog,
                shards.join(", ")
            )
        }
        Role::UserService => {
            let engine = postgres("user_service", &secrets.user_service);
            format!("{grpc}router = \"{routers}\"\n{engine}{redis}{rabbitmq}{s3}{telemetry}")
        }
        Role::SessionService => {
            let engine = postgres("session_service", &secrets.session_service);
            format!("{grpc}router = \"{routers}\"\ntoken_keys_file = \"{root}/token.keys\"\n{engine}{redis}{telemetry}")
        }
        Role::ImageWorker => format!("{service_key}user_service = \"{users}\"\n{rabbitmq}{s3}{telemetry}"),
        Role::Gateway => format!(
            "http = \"127.0.0.1:{port}\"\n{service_key}public_url = \"http://127.0.0.1:{}\"\nproxies = [\"127.0.0.0/8\"]\n\
             users = \"{users}\"\nsessions = \"{sessions}\"\ntoken_keys_file = \"{root}/token.keys\"\nleave_ms = 1500\n{s3}{telemetry}",
            layout.http
        ),
    }
}
