//! The two shapes under the same load: where they answer, who lives in them, and what their processes took so far.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use stack::{Role, Stack};
use testkit::{
    Api, Person, Server,
    bench::{counter, cpu, processes_below},
};

/// Processor time by who took it.
pub type Usage = BTreeMap<&'static str, Duration>;

/// Who takes processor time in the stack: its name, and what the folders of its members begin with.
pub const GROUPS: [(&str, &str); 10] = [
    ("gateway", "gateway-"),
    ("user-service", "user-service-"),
    ("session-service", "session-service-"),
    ("shard-router", "shard-router-"),
    ("image-worker", "image-worker-"),
    ("PostgreSQL", "postgres"),
    ("Redis", "redis"),
    ("RabbitMQ", "rabbitmq"),
    ("S3", "s3"),
    ("HAProxy", "haproxy"),
];
/// As many as there are connections at most: each has a person of its own.
pub const PEOPLE: usize = 64;

enum Processes {
    Below(PathBuf),
    One(u32),
}

/// A shape of deployment that runs.
pub struct Shape {
    pub name: &'static str,
    /// `host:port` of the public port.
    pub address: String,
    processes: Processes,
    workers: Vec<Api>,
    /// Who read, write and upload.
    pub people: Vec<Person>,
    /// Who sign in: others, for the oldest session ends with the twenty-first.
    pub others: Vec<Person>,
}

impl Shape {
    pub async fn stack(stack: &Stack) -> Result<Self> {
        let workers = operators(stack, Role::ImageWorker)?;
        let processes = Processes::Below(stack.layout().options.directory.clone());
        Self::new("stack", &stack.url(), processes, workers).await
    }

    pub async fn one_process(server: &Server) -> Result<Self> {
        let pid = server.pid().context("it has ended")?;
        Self::new("myriad", server.api()?.base(), Processes::One(pid), vec![server.ops()?]).await
    }

    async fn new(name: &'static str, url: &str, processes: Processes, workers: Vec<Api>) -> Result<Self> {
        let api = Api::new(url)?;
        let (mut people, mut others) = (Vec::new(), Vec::new());
        for _ in 0..PEOPLE {
            people.push(Person::new(&api).await);
            others.push(Person::new(&api).await);
        }
        let address = url.trim_start_matches("http://").to_owned();
        Ok(Self { name, address, processes, workers, people, others })
    }

    /// What was taken so far; of one process under its own name.
    pub fn usage(&self) -> Result<Usage> {
        let mut usage = Usage::new();
        match &self.processes {
            Processes::One(pid) => {
                usage.insert(self.name, cpu(*pid).context("it has ended")?);
            }
            Processes::Below(directory) => {
                for process in processes_below(directory)? {
                    let group = GROUPS.iter().find(|(_, folder)| process.folder.starts_with(folder));
                    if let Some((name, _)) = group {
                        *usage.entry(name).or_default() += cpu(process.pid).unwrap_or_default();
                    }
                }
            }
        }
        Ok(usage)
    }

    /// How many jobs the workers have ended so far.
    pub async fn pictures(&self) -> f64 {
        let mut sum = 0.0;
        for worker in &self.workers {
            sum += counter(worker, "myriad_worker_jobs_total").await;
        }
        sum
    }
}

/// What was taken between two moments.
pub fn between(before: &Usage, after: &Usage) -> Usage {
    after
        .iter()
        .map(|(name, time)| (*name, time.saturating_sub(before.get(name).copied().unwrap_or_default())))
        .collect()
}

/// The operators' ports of a service.
pub fn operators(stack: &Stack, role: Role) -> Result<Vec<Api>> {
    stack.layout().of(role).map(|place| Api::new(&format!("http://127.0.0.1:{}", place.ops))).collect()
}
