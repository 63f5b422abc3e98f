//! How operators' commands reach a server: its port, the services' key, and what is said when it is not there.

use anyhow::{Context, Result, anyhow};
use clap::Args;
use runtime::grpc::{Client, ServiceKey};
use tonic::Status;

/// Where the operators' calls go.
#[derive(Debug, Args)]
pub struct Server {
    /// The operators' port of the server; for shards and moves, that of shard-router.
    #[arg(long, default_value = "http://127.0.0.1:8081", env = "MYRIAD_SERVER", global = true)]
    server: String,
    /// The services' key, where the server has one: itself, or `file:/path`.
    #[arg(long, env = "MYRIAD_SERVICE_KEY", hide_env_values = true, global = true, value_name = "KEY")]
    service_key: Option<ServiceKey>,
}

impl Server {
    /// A connection to it.
    ///
    /// # Errors
    /// Where the address is none.
    pub(crate) fn connect(&self) -> Result<Client> {
        let channel = runtime::grpc::connect(&self.server).context("--server must look like http://host:port")?;
        Ok(channel.identified("myriad", self.service_key.as_ref().unwrap_or(&ServiceKey::default())))
    }

    /// What the server said, or that it is not there.
    pub(crate) fn explain(&self, status: &Status) -> anyhow::Error {
        let error = api::status::from_status(status);
        if error.code == model::Code::Unavailable && status.details().is_empty() {
            let server = &self.server;
            return anyhow!(
                "the operators' port at {server} cannot be reached; start `myriad serve` or name it by --server"
            );
        }
        let fields: Vec<String> =
            error.fields.iter().map(|field| format!("\n  {:?}: {}", field.location, field.detail)).collect();
        anyhow!("{error}{}", fields.concat())
    }
}
