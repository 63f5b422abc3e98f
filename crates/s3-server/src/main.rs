//! The S3 API over a directory, for tests and the local stack.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

/// Serves the S3 API over a directory. For tests: nothing is synced to disk.
#[derive(Parser)]
struct Arguments {
    /// Address on loopback.
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
    /// Where buckets are, a directory each.
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// A bucket to make.
    #[arg(long, value_name = "NAME")]
    bucket: String,
    /// What callers sign with.
    #[arg(long, env = "S3_ACCESS_KEY")]
    access_key: String,
    /// And its secret: in the environment, for arguments can be read by everybody.
    #[arg(long, env = "S3_SECRET_KEY", hide_env_values = true)]
    secret_key: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { listen, root, bucket, access_key, secret_key } = Arguments::parse();
    ensure!(listen.ip().is_loopback(), "--listen {listen} is not on loopback: this server is for tests");
    let folder = root.join(&bucket);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let files =
        FileSystem::new(&root).map_err(|error| anyhow::anyhow!("cannot serve {}: {error:?}", root.display()))?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(access_key, secret_key));
    let service = service.build();

    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    loop {
        let (stream, _) = listener.accept().await.context("cannot accept")?;
        stream.set_nodelay(true)?;
        let service = service.clone();
        #[expect(clippy::disallowed_methods, reason = "ends with its client or with the process")]
        tokio::spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            // A client that goes away is no fault of the server.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
