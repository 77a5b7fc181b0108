//! A running server: starting it, its addresses, stopping it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use socket2::{Domain, Protocol, Socket, Type};

use crate::accept::Gate;
use crate::app::App;
use crate::config::{Config, ConfigError, TlsFiles};
use crate::db::{Db, OpenError};
use crate::passwords::PasswordError;
use crate::relay::Relay;
use crate::udp::Listener;
use crate::{http, stun};

/// How long a connection may take to say what it wants.
const FIRST_REQUEST: Duration = Duration::from_secs(10);

/// How long plain HTTP requests may go on when the server stops.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// How long WebSockets may take to say goodbye when the server stops.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long the database may take to be closed when the server stops.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// What it was told makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The STUN responder's address cannot be used.
    #[error("cannot answer STUN on {address}: {source} (--stun ADDR:PORT, or --stun off)")]
    Stun {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("cannot use the TLS certificate: {0}")]
    Tls(String),
    /// The data folder or the database cannot be used.
    #[error(transparent)]
    Data(#[from] OpenError),
    /// The password hash does not work here.
    #[error("cannot hash passwords")]
    Passwords,
}

impl From<PasswordError> for StartError {
    fn from(_: PasswordError) -> Self {
        Self::Passwords
    }
}

/// A running server. Dropped, it stops in the background; [`Server::shutdown`] waits for it.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    addr: SocketAddr,
    stun: Option<SocketAddr>,
    handle: Handle<SocketAddr>,
}

impl Server {
    /// Opens the data folder, listens and serves. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// When the configuration makes no sense, an address is taken, the certificate cannot be
    /// read, or the data folder is in use or was written by a newer server.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        config.check()?;
        let tls = config.tls.as_ref().map(load_tls).transpose()?;
        let listener = listen(config.listen).map_err(|source| StartError::Listen {
            address: config.listen,
            source,
        })?;
        let addr = listener.local_addr().map_err(|source| StartError::Listen {
            address: config.listen,
            source,
        })?;
        let stun_failed = |source| StartError::Stun {
            address: config.stun.unwrap_or(addr),
            source,
        };
        let stun = config
            .stun
            .map(|address| {
                let socket = match Listener::bind(address) {
                    Err(error)
                        if config.stun_may_move && error.kind() == io::ErrorKind::AddrInUse =>
                    {
                        let free = Listener::bind(SocketAddr::new(address.ip(), 0))?;
                        tracing::warn!(taken = %address, now = %free.address(),
                            "the port of STUN is taken; another one is used");
                        free
                    }
                    bound => bound?,
                };
                let bound = socket.address();
                Ok((Arc::new(socket), bound))
            })
            .transpose()
            .map_err(stun_failed)?;
        let (stun_socket, stun_addr) = stun.unzip();
        let advertised = advertise(config.stun_advertise.as_deref(), stun_addr);
        let relay = Relay::new(&config.relay, stun_socket.as_ref(), &advertised, addr);
        let data = config.data.clone();
        let db = Db::open(&data)?;
        let gate = Gate::new(config.max_connections, config.max_connections_per_address);
        let app = Arc::new(App::new(config, db, advertised, relay)?);

        // A call that cannot be taken up must not keep everybody from the server.
        if let Err(error) = app.restore_calls().await {
            tracing::error!(%error, "the calls of before cannot be taken up");
        }
        app.tasks.spawn(Arc::clone(&app).follow_calls());
        app.tasks.spawn(Arc::clone(&app).follow_time());
        app.tasks.spawn(Arc::clone(&app).follow_presence());
        app.tasks.spawn(Arc::clone(&app).follow_cleaning());
        if let Some(relay) = app.relay.built_in() {
            let stopping = app.stopping.clone();
            app.tasks.spawn(Arc::clone(relay).follow_time(stopping));
        }
        if let Some(socket) = stun_socket {
            app.tasks.spawn(stun::serve(socket, Arc::clone(&app)));
        }
        let handle = Handle::new();
        let http = serve(listener, tls, gate, Arc::clone(&app), handle.clone());
        let http = http.map_err(|source| StartError::Listen {
            address: addr,
            source,
        })?;
        app.tasks.spawn(async move {
            if let Err(error) = http.await {
                tracing::error!(%error, "the listener failed");
            }
        });
        tracing::info!(%addr, stun = ?stun_addr, data = %data.display(), "started");
        Ok(Self {
            app,
            addr,
            stun: stun_addr,
            handle,
        })
    }

    /// Where it listens for HTTP and WebSocket.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it answers STUN, if it does.
    pub fn stun_addr(&self) -> Option<SocketAddr> {
        self.stun
    }

    /// Where WebSockets begin: `ws://…/v1/ws`, or `wss://` with TLS.
    pub fn url(&self) -> String {
        let scheme = match self.app.config.tls {
            Some(_) => "wss",
            None => "ws",
        };
        format!("{scheme}://{}/v1/ws", self.addr)
    }

    /// The line that the binary prints when the server is ready.
    pub fn ready_line(&self) -> String {
        let stun = self
            .stun
            .map_or_else(|| "off".to_owned(), |stun| stun.to_string());
        format!("listening on {}  stun {stun}", self.url())
    }

    /// Stops: accepts nothing more, tells the clients, finishes what is being written. Takes at
    /// most five seconds.
    pub async fn shutdown(self) {
        self.handle.graceful_shutdown(Some(LAST_REQUESTS));
        self.app.stopping.cancel();
        self.app.tasks.close();
        if tokio::time::timeout(LAST_WORDS, self.app.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some connections did not end in time");
        }
        if tokio::time::timeout(LAST_WRITES, self.app.db.close())
            .await
            .is_err()
        {
            tracing::warn!("the database is still being closed");
        }
        tracing::info!("stopped");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.shutdown();
        self.app.stopping.cancel();
    }
}

/// What clients are told: as configured, or the port beside the host that they know.
fn advertise(configured: Option<&str>, bound: Option<SocketAddr>) -> Vec<String> {
    match (configured, bound) {
        (_, None) => Vec::new(),
        (Some(configured), Some(_)) => vec![configured.to_owned()],
        (None, Some(bound)) => vec![format!(":{}", bound.port())],
    }
}

/// The accept loop, with TLS or without, behind the same gate.
fn serve(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    gate: Gate,
    app: Arc<App>,
    handle: Handle<SocketAddr>,
) -> io::Result<impl Future<Output = io::Result<()>> + Send> {
    let mut server = axum_server::from_tcp(listener)?
        .handle(handle)
        .first_request_timeout(FIRST_REQUEST)
        .accept_error_handler(|peer, error| {
            tracing::debug!(?peer, %error, "a connection was not accepted");
        });
    let http = server.http_builder();
    http.http1()
        .header_read_timeout(FIRST_REQUEST)
        .max_buf_size(16 * 1024);
    http.http2().max_concurrent_streams(16);
    let service = http::router(app).into_make_service_with_connect_info::<SocketAddr>();
    Ok(async move {
        match tls {
            Some(tls) => {
                let acceptor = RustlsAcceptor::new(tls)
                    .handshake_timeout(FIRST_REQUEST)
                    .acceptor(gate);
                server.acceptor(acceptor).serve(service).await
            }
            None => server.acceptor(gate).serve(service).await,
        }
    })
}

pub(crate) fn load_tls(files: &TlsFiles) -> Result<RustlsConfig, StartError> {
    let failed = |path: &std::path::Path, error: &dyn std::fmt::Display| {
        StartError::Tls(format!("{}: {error}", path.display()))
    };
    let certificates = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(&files.cert, &error))?;
    if certificates.is_empty() {
        return Err(failed(&files.cert, &"no certificate in it"));
    }
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| failed(&files.key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::Tls(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| StartError::Tls(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(RustlsConfig::from_config(Arc::new(config)))
}

pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    both_families(&socket, address)?;
    // A restart must not wait for the connections of the process before.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// `[::]` takes IPv4 as well.
pub(crate) fn both_families(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    Ok(())
}
