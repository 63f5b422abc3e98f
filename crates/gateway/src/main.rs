//! The gateway as a process of its own.

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;
use gateway::{App, Config, Deps};
use objects::Objects;
use runtime::{grpc, ops, process};
use secrecy::ExposeSecret as _;
use token::Keys;
use tokio::net::TcpListener;

fn main() -> ExitCode {
    process::main("gateway", |config: Config, process| async move {
        let bind = async |address: &str| {
            TcpListener::bind(address)
                .await
                .with_context(|| format!("cannot listen on {address}; choose another address with the setting http"))
        };
        let (http, ops) = (bind(&config.http).await?, bind(&config.ops).await?);
        let gate = process.ready.gate("services");
        let service = |addresses: &str| {
            Ok::<_, anyhow::Error>(grpc::connect(addresses)?.identified("gateway", &config.service_key))
        };
        let deps = Deps {
            users: service(&config.users).context("setting users")?,
            sessions: service(&config.sessions).context("setting sessions")?,
            objects: Objects::open(&config.objects, Path::new("myriad-data/objects"))?,
            keys: match &config.token_keys {
                Some(text) => text.expose_secret().parse::<Keys>().context("setting token_keys")?,
                None => Keys::load_or_create(&config.token_keys_file).context("setting token_keys_file")?,
            },
            ready: process.ready.clone(),
        };
        let router = ops::router(process.ready, process.metrics, process.shutdown.clone());
        ops::serve(ops, router, &process.shutdown);
        let (users, sessions) = (deps.users.clone(), deps.sessions.clone());
        App::build(config, deps, http, &process.shutdown)?.run(&process.shutdown);
        // One that has never reached them is not sent traffic, so that a roll-out with a wrong address stops. Later it serves on without.
        for (name, service) in [("user-service", users), ("session-service", sessions)] {
            let check = async || service.check().await.map_err(|status| format!("{name}: {}", status.message()));
            gate.wait(|_: &String| true, check).await.map_err(anyhow::Error::msg)?;
        }
        gate.open();
        Ok(())
    })
}
