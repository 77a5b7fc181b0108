//! The HTTP client of pictures and attachments.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::ClientConfig;

/// Makes HTTP requests, over connections that it keeps for the next ones until they are released.
pub(crate) struct Http {
    tls: Arc<ClientConfig>,
    client: RwLock<reqwest::Client>,
}

impl Http {
    pub(crate) fn new(tls: Arc<ClientConfig>) -> Result<Self, reqwest::Error> {
        let client = RwLock::new(build(&tls)?);
        Ok(Self { tls, client })
    }

    /// What the next requests go through.
    pub(crate) fn client(&self) -> reqwest::Client {
        let client = self.client.read();
        client.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes the connections that are kept; those of requests under way follow with them.
    pub(crate) fn release(&self) {
        match build(&self.tls) {
            Ok(fresh) => {
                *self.client.write().unwrap_or_else(PoisonError::into_inner) = fresh;
            }
            Err(error) => tracing::warn!(%error, "idle connections are kept"),
        }
    }
}

fn build(tls: &Arc<ClientConfig>) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .tls_backend_preconfigured((**tls).clone())
        .build()
}
