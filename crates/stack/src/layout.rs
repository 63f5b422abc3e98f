//! Who runs where: the members of the stack, their directories and ports.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use testkit::engines::free_port;

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where everything is kept.
    pub directory: PathBuf,
    /// Where the services' binaries are.
    pub binaries: PathBuf,
    /// The public port; 0 takes a free one.
    pub http: u16,
    /// How many shards.
    pub shards: u32,
    /// How many instances of each service.
    pub replicas: u32,
    /// How many gateways.
    pub gateways: u32,
    /// Where traces go; empty is nowhere.
    pub otlp: String,
    /// Whether the first shard is reached over a [`testkit::engines::Wire`], so that a drill can cut it.
    pub wire: bool,
    /// Whether the databases sync every commit. Off for tests that kill no machine.
    pub durable: bool,
}

impl Options {
    /// Four shards and two of each service, from binaries beside the running program.
    ///
    /// # Errors
    /// Where the running program's directory is not known.
    pub fn new(directory: &Path) -> Result<Self> {
        let own = std::env::current_exe().context("the directory of this program is not known")?;
        // Tests run from target/debug/deps, the services lie one above.
        let folder = own.ancestors().skip(1).find(|folder| folder.join("gateway").is_file());
        let binaries = folder
            .context("there is no gateway beside this program; build all services: cargo build --workspace")?
            .to_owned();
        Ok(Self {
            directory: directory.to_owned(),
            binaries,
            http: 0,
            shards: 4,
            replicas: 2,
            gateways: 2,
            otlp: String::new(),
            wire: false,
            durable: true,
        })
    }
}

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The map.
    ShardRouter,
    /// Users.
    UserService,
    /// Sessions.
    SessionService,
    /// Pictures.
    ImageWorker,
    /// The edge.
    Gateway,
}

impl Role {
    /// In the order of their start: who is asked is there before who asks.
    pub const ALL: [Self; 5] =
        [Self::ShardRouter, Self::UserService, Self::SessionService, Self::ImageWorker, Self::Gateway];

    /// The binary's and the crate's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ShardRouter => "shard-router",
            Self::UserService => "user-service",
            Self::SessionService => "session-service",
            Self::ImageWorker => "image-worker",
            Self::Gateway => "gateway",
        }
    }
}

/// One instance of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its service.
    pub role: Role,
    /// `user-service-1`.
    pub name: String,
    /// Its public port, or that of its gRPC; a worker has none.
    pub port: Option<u16>,
    /// Its operators' port.
    pub ops: u16,
}

/// Every instance, and the folders.
#[derive(Debug, Clone)]
pub struct Layout {
    /// What was asked for.
    pub options: Options,
    /// The public port.
    pub http: u16,
    /// The instances in the order of their start.
    pub places: Vec<Place>,
}

impl Layout {
    /// Draws ports for everybody.
    ///
    /// # Errors
    /// Where no port is free, or the folder's path could not stand in a configuration file.
    pub fn new(options: Options) -> Result<Self> {
        let path = options.directory.display().to_string();
        ensure!(options.directory.is_absolute(), "{path} is a relative path; give an absolute one");
        ensure!(!path.contains(['"', '\\', '\n']), "{path} has characters that a configuration file cannot hold");
        let http = if options.http == 0 { free_port()? } else { options.http };
        let mut places = Vec::new();
        for role in Role::ALL {
            let instances = if role == Role::Gateway { options.gateways } else { options.replicas };
            for number in 1..=instances {
                places.push(place(role, number)?);
            }
        }
        Ok(Self { options, http, places })
    }

    /// One more gateway.
    ///
    /// # Errors
    /// Where no port is free.
    pub fn add_gateway(&mut self) -> Result<Place> {
        let number = self.of(Role::Gateway).count() + 1;
        let added = place(Role::Gateway, u32::try_from(number)?)?;
        self.places.push(added.clone());
        Ok(added)
    }

    /// The instances of a service.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(move |place| place.role == role)
    }

    /// Where a service answers gRPC: all its instances, as the services' settings take them.
    pub fn addresses(&self, role: Role) -> String {
        let addresses = self.of(role).filter_map(|place| Some(format!("http://127.0.0.1:{}", place.port?)));
        addresses.collect::<Vec<_>>().join(",")
    }

    /// A member's own folder.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.options.directory.join(name)
    }
}

fn place(role: Role, number: u32) -> Result<Place> {
    let port = if role == Role::ImageWorker { None } else { Some(free_port()?) };
    Ok(Place { role, name: format!("{}-{number}", role.name()), port, ops: free_port()? })
}
