//! S3 and what speaks its API: signed, checksummed, bounded in time, repeated twice at most.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use secrecy::ExposeSecret as _;

use crate::settings::S3Settings;
use crate::{Objects, Result};

/// The smallest part that S3 takes, and what an upload holds in memory.
const PART_BYTES: usize = 5 * 1024 * 1024;
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);
/// Longest silence of the server. Not a bound of whole requests: a slow reader of a large picture must not be cut off.
const READ_PATIENCE: Duration = Duration::from_secs(5);
const RETRIES: usize = 2;
/// No repeat begins after this, so that a silent server costs one patience and not three.
const RETRY_WITHIN: Duration = Duration::from_secs(4);
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_millis(500);

impl Objects {
    /// Objects in a bucket, which exists. Nothing is asked of it yet: a service starts without its pictures too.
    ///
    /// # Errors
    /// [`crate::Error::Settings`], with the key and the fix.
    pub fn s3(settings: &S3Settings) -> Result<Self> {
        settings.validate()?;
        // Elsewhere it may be installed already; there is one provider in this tree.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = ClientOptions::new()
            .with_connect_timeout(CONNECT_PATIENCE)
            .with_read_timeout(READ_PATIENCE)
            .with_timeout_disabled()
            .with_allow_http(settings.is_plain());
        let retry = RetryConfig {
            backoff: BackoffConfig { init_backoff: FIRST_WAIT, max_backoff: LONGEST_WAIT, base: 2.0 },
            max_retries: RETRIES,
            retry_timeout: RETRY_WITHIN,
        };
        let mut builder = AmazonS3Builder::new()
            .with_client_options(client)
            .with_retry(retry)
            .with_bucket_name(&settings.bucket)
            .with_region(&settings.region)
            .with_access_key_id(&settings.access_key)
            .with_secret_access_key(settings.secret()?.expose_secret())
            .with_virtual_hosted_style_request(!settings.path_style)
            .with_checksum_algorithm(Checksum::SHA256);
        if !settings.endpoint.is_empty() {
            builder = builder.with_endpoint(settings.endpoint.trim_end_matches('/'));
        }
        Ok(Self::over(Arc::new(builder.build()?), PART_BYTES))
    }
}
