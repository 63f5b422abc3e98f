//! The stack: started in the order in which its members need one another, stopped in the opposite one.

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context as _, Result};
use testkit::{
    Launch,
    engines::{Backend, Haproxy, Postgres, Rabbitmq, Redis, S3, Wire, postgres},
};

use crate::{
    configs::{Addresses, Secrets, write_config},
    layout::{Layout, Options, Place, Role},
    member::Member,
};

/// A running stack. Dropped, everything is killed; the directory stays.
#[derive(Debug)]
pub struct Stack {
    layout: Layout,
    addresses: Addresses,
    secrets: Secrets,
    wire: Option<Wire>,
    /// By name; engines have plain names, services numbered ones.
    members: BTreeMap<String, Member>,
}

/// The member that balances.
pub const HAPROXY: &str = "haproxy";

impl Stack {
    /// Starts everything and waits until it is ready. `tell` hears of each member as it comes up.
    ///
    /// # Errors
    /// Says who did not start, with the log.
    pub async fn start(options: Options, mut tell: impl FnMut(&str, u128)) -> Result<Self> {
        let layout = Layout::new(options)?;
        std::fs::create_dir_all(&layout.options.directory)?;
        let secrets = Secrets::new(&layout.options.directory)?;
        let started = Instant::now();
        let folders = ["redis", "rabbitmq", "s3"].map(|name| layout.folder(name));
        for folder in &folders {
            std::fs::create_dir_all(folder)?;
        }
        let (databases, redis, rabbitmq, s3) = tokio::try_join!(
            start_databases(&layout, &secrets),
            Redis::start(&folders[0]),
            Rabbitmq::start(&folders[1]),
            S3::start(&folders[2]),
        )?;
        tell("PostgreSQL, Redis, RabbitMQ and S3", started.elapsed().as_millis());
        let addresses = Addresses::of(&databases, &redis, &rabbitmq, &s3);
        let mut members: BTreeMap<_, _> =
            databases.servers.into_iter().map(|(name, server)| (name, Member::Postgres(Box::new(server)))).collect();
        members.insert("redis".to_owned(), Member::Redis(redis));
        members.insert("rabbitmq".to_owned(), Member::Rabbitmq(Box::new(rabbitmq)));
        members.insert("s3".to_owned(), Member::S3(s3));
        let mut stack = Self { layout, addresses, secrets, wire: databases.wire, members };
        for role in Role::ALL {
            for place in stack.layout.of(role).cloned().collect::<Vec<_>>() {
                stack.start_service(&place).await?;
                tell(&place.name, started.elapsed().as_millis());
            }
        }
        stack.balance().await?;
        tell(HAPROXY, started.elapsed().as_millis());
        Ok(stack)
    }

    /// Where clients reach it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.layout.http)
    }

    /// The instances and their ports.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The operators' port of a service's first instance, as a URL.
    ///
    /// # Errors
    /// Where the service does not run.
    pub fn ops(&self, role: Role) -> Result<String> {
        let place = self.layout.of(role).next().with_context(|| format!("no {} runs", role.name()))?;
        Ok(format!("http://127.0.0.1:{}", place.ops))
    }

    /// The names of all members.
    pub fn names(&self) -> Vec<String> {
        self.members.keys().cloned().collect()
    }

    /// A member by its name.
    ///
    /// # Errors
    /// Where there is none.
    pub fn member(&mut self, name: &str) -> Result<&mut Member> {
        self.members.get_mut(name).with_context(|| format!("there is no {name} in the stack"))
    }

    /// The wire to the first shard.
    ///
    /// # Errors
    /// Where it was not asked for.
    pub fn wire(&self) -> Result<&Wire> {
        self.wire.as_ref().context("the stack was started without a wire")
    }

    /// The key that the services know one another by, for calls by hand.
    pub fn service_key(&self) -> &str {
        &self.secrets.service_key
    }

    /// One more gateway, which gets traffic as soon as it is ready.
    ///
    /// # Errors
    /// With its log.
    pub async fn add_gateway(&mut self) -> Result<()> {
        let place = self.layout.add_gateway()?;
        self.start_service(&place).await?;
        self.balance().await
    }

    /// Stops everything, the edge first.
    ///
    /// # Errors
    /// Says who did not end in time.
    pub async fn stop(mut self) -> Result<()> {
        let mut order = vec![HAPROXY.to_owned()];
        order.extend(self.layout.places.iter().rev().map(|place| place.name.clone()));
        let engines: Vec<_> = self.members.keys().filter(|name| !order.contains(name)).cloned().collect();
        for name in order.into_iter().chain(engines) {
            if let Some(mut member) = self.members.remove(&name) {
                member.stop().await.with_context(|| name.clone())?;
            }
        }
        Ok(())
    }

    async fn start_service(&mut self, place: &Place) -> Result<()> {
        let folder = self.layout.folder(&place.name);
        std::fs::create_dir_all(&folder)?;
        let file = write_config(&self.layout, &self.addresses, &self.secrets, place)?;
        let launch = Launch::new(&place.name, self.layout.options.binaries.join(place.role.name()), &folder)
            .args(["--config".to_owned(), file.display().to_string()]);
        self.members.insert(place.name.clone(), Member::service(launch, place.ops).await?);
        Ok(())
    }

    /// Starts the balancer before the gateways there are now, in place of one that knows fewer.
    async fn balance(&mut self) -> Result<()> {
        if let Some(mut old) = self.members.remove(HAPROXY) {
            old.stop().await?;
        }
        let backends: Vec<_> = self.layout.of(Role::Gateway).filter_map(backend).collect();
        let haproxy = Haproxy::start(&self.layout.folder(HAPROXY), self.layout.http, &backends).await?;
        self.members.insert(HAPROXY.to_owned(), Member::Haproxy(haproxy));
        Ok(())
    }
}

fn backend(place: &Place) -> Option<Backend> {
    Some(Backend { name: place.name.clone(), http: place.port?, ops: place.ops })
}

/// The servers, and which holds which database.
pub struct Databases {
    pub servers: Vec<(String, Postgres)>,
    /// `host:port/database` of the catalog and of each shard.
    pub catalog: String,
    pub shards: Vec<String>,
    /// Before the first shard.
    wire: Option<Wire>,
}

/// The catalog and the shards are databases of one server, but for the last shard, which has a server of its own: so a drill can lose
/// one shard alone.
async fn start_databases(layout: &Layout, secrets: &Secrets) -> Result<Databases> {
    let options = &layout.options;
    let settings = postgres::Settings { fsync: options.durable, ..postgres::Settings::default() };
    let (first, last) = (layout.folder("postgres"), layout.folder("postgres-last"));
    let (main, lonely) =
        tokio::try_join!(Postgres::start_with(&first, settings.clone()), Postgres::start_with(&last, settings))?;
    tokio::try_join!(secrets.create_roles(&main), secrets.create_roles(&lonely))?;
    let mut shards = Vec::new();
    for number in 0..options.shards {
        let server = if number + 1 == options.shards { &lonely } else { &main };
        shards.push(create(server, &format!("shard_{number}")).await?);
    }
    let catalog = create(&main, "catalog").await?;
    let mut wire = None;
    if let Some(first) = shards.first_mut().filter(|_| options.wire) {
        let laid = Wire::to(main.port()).await?;
        *first = first.replace(&format!(":{}/", main.port()), &format!(":{}/", laid.port()));
        wire = Some(laid);
    }
    let servers = vec![("postgres".to_owned(), main), ("postgres-last".to_owned(), lonely)];
    Ok(Databases { servers, catalog, shards, wire })
}

async fn create(server: &Postgres, name: &str) -> Result<String> {
    let statement = format!("CREATE DATABASE {name} OWNER myriad_router ENCODING 'UTF8' TEMPLATE template0");
    server.sql("postgres", &statement).await?;
    Ok(server.url(name))
}
