//! One TLS configuration for the WebSocket and for HTTP.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

use crate::error::BuildError;

/// Trusts what the operating system trusts, or only the certificates in `ca_file`.
pub(crate) fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, BuildError> {
    let failed = |error: &dyn std::fmt::Display| BuildError::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?;
    let Some(path) = ca_file else {
        return Ok(builder
            .with_platform_verifier()
            .map_err(|error| failed(&error))?
            .with_no_client_auth());
    };
    let shown = path.display();
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(|error| BuildError::Tls(format!("{shown}: {error}")))?;
    for certificate in certificates {
        let certificate =
            certificate.map_err(|error| BuildError::Tls(format!("{shown}: {error}")))?;
        roots
            .add(certificate)
            .map_err(|error| BuildError::Tls(format!("{shown}: {error}")))?;
    }
    if roots.is_empty() {
        return Err(BuildError::Tls(format!("{shown} holds no certificate")));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
