//! The way to the server: TCP, TLS, WebSocket, its clock, and IPv6.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustls::ClientConfig;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest as _, http::HeaderValue};
use tokio_tungstenite::{Connector, MaybeTlsStream, client_async_tls_with_config};
use url::Url;

use super::judge::{self, Ipv6Facts, TlsFacts};
use super::{Check, Verdict};
use crate::address::ServerAddress;

/// How long one step towards the server may take.
const STEP: Duration = Duration::from_secs(5);
/// Addresses of the server that are tried.
const ADDRESSES: usize = 4;

/// Connects, and tells of the server, TLS and the clock. `true` when the WebSocket opens.
pub(super) async fn examine(
    server: &ServerAddress,
    config: ClientConfig,
    found: &mut impl FnMut(Check),
) -> bool {
    let began = Instant::now();
    let tcp = match connect(server).await {
        Ok(tcp) => tcp,
        Err(why) => {
            let check = Check::fail("server", format!("{server} is not reached: {why}"));
            found(check.advice(
                "check the address and this machine's network; if both are right, ask the host \
                 whether the server runs",
            ));
            return false;
        }
    };
    let connected = began.elapsed();
    let certainty = upgrade(server, config.clone(), tcp).await;
    let opened = began.elapsed();
    let (server_check, tls) = match certainty {
        Ok(tls) => (
            judge::reached(&server.to_string(), connected, opened),
            Some(tls),
        ),
        Err(Refusal::Tls(error)) => (
            Check::fail("server", "answers, but with no TLS that is accepted")
                .advice("see the next line"),
            Some(TlsFacts::Refused(error)),
        ),
        Err(Refusal::Other(why)) => (
            Check::fail("server", format!("answers, but opens no WebSocket: {why}"))
                .advice("see that the address is that of a Cooee server, and that proxies before it pass WebSockets on"),
            None,
        ),
    };
    let reached = server_check.verdict != Verdict::Fail;
    found(server_check);
    if let Some(tls) = tls {
        found(judge::tls(&tls));
    }
    found(judge::clock(ahead(server, config).await));
    reached
}

/// The server's addresses.
async fn addresses(server: &ServerAddress) -> Result<Vec<SocketAddr>, String> {
    let url = Url::parse(&server.websocket()).map_err(|error| error.to_string())?;
    let port = url.port_or_known_default().unwrap_or(443);
    let found = timeout(STEP, lookup_host((server.host(), port)))
        .await
        .map_err(|_| "its name is not resolved in time".to_owned())?
        .map_err(|error| format!("its name is not resolved: {error}"))?;
    Ok(found.collect())
}

async fn connect(server: &ServerAddress) -> Result<TcpStream, String> {
    let mut why = "its name has no address".to_owned();
    for address in addresses(server).await?.into_iter().take(ADDRESSES) {
        match timeout(STEP, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => why = format!("{address}: {error}"),
            Err(_) => why = format!("{address} does not answer"),
        }
    }
    Err(why)
}

/// Why no WebSocket opens.
enum Refusal {
    Tls(rustls::Error),
    Other(String),
}

impl From<tungstenite::Error> for Refusal {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Http(response) => {
                Self::Other(format!("HTTP status {}", response.status()))
            }
            tungstenite::Error::Io(error) => {
                let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
                match inner {
                    Some(tls) => Self::Tls(rustls::Error::clone(tls)),
                    None => Self::Other(error.to_string()),
                }
            }
            other => Self::Other(other.to_string()),
        }
    }
}

async fn upgrade(
    server: &ServerAddress,
    config: ClientConfig,
    tcp: TcpStream,
) -> Result<TlsFacts, Refusal> {
    let mut request = server.websocket().into_client_request()?;
    request.headers_mut().insert(
        "Sec-WebSocket-Protocol",
        HeaderValue::from_static("cooee.v1"),
    );
    let connector = Some(Connector::Rustls(Arc::new(config)));
    let opening = client_async_tls_with_config(request, tcp, None, connector);
    let (mut socket, _) = timeout(STEP, opening)
        .await
        .map_err(|_| Refusal::Other("no answer in time".to_owned()))??;
    let facts = match socket.get_ref() {
        MaybeTlsStream::Rustls(tls) => {
            let certificates = tls.get_ref().1.peer_certificates();
            let first = certificates.and_then(<[_]>::first);
            TlsFacts::Accepted {
                days: first.and_then(|certificate| days_left(certificate)),
            }
        }
        _ => TlsFacts::Plain {
            loopback: server.is_loopback(),
        },
    };
    // The good-bye is a courtesy.
    let _ = timeout(Duration::from_secs(1), socket.close(None)).await;
    Ok(facts)
}

fn days_left(certificate: &[u8]) -> Option<i64> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let end = certificate.validity().not_after.timestamp();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(end.saturating_sub(i64::try_from(now).ok()?) / (24 * 60 * 60))
}

/// How many seconds this clock is ahead of that of the server.
async fn ahead(server: &ServerAddress, config: ClientConfig) -> Result<i64, String> {
    let pictures = server.pictures();
    let root = pictures.strip_suffix("v1/pictures").unwrap_or(&pictures);
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .timeout(STEP)
        .build()
        .map_err(|error| error.to_string())?;
    let answer = client
        .get(format!("{root}healthz"))
        .send()
        .await
        .map_err(|_| "the server does not answer over HTTP".to_owned())?;
    let date = answer
        .headers()
        .get(reqwest::header::DATE)
        .and_then(|date| date.to_str().ok())
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .ok_or("the server does not tell its time")?;
    let now = SystemTime::now();
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    Ok(match now.duration_since(date) {
        Ok(ahead) => seconds(ahead),
        Err(behind) => seconds(behind.duration()).saturating_neg(),
    })
}

/// Tells of IPv6.
pub(super) async fn ipv6(server: &ServerAddress, found: &mut impl FnMut(Check)) {
    let here = if_addrs::get_if_addrs().is_ok_and(|interfaces| {
        interfaces.iter().any(|interface| match interface.ip() {
            std::net::IpAddr::V4(_) => false,
            // 2000::/3 is what is routed.
            std::net::IpAddr::V6(address) => address.segments()[0] & 0xe000 == 0x2000,
        })
    });
    let addresses = addresses(server).await.unwrap_or_default();
    let of_server = addresses
        .into_iter()
        .find(|address| address.is_ipv6() && !address.ip().is_loopback());
    let connects = match of_server {
        Some(address) => matches!(timeout(STEP, TcpStream::connect(address)).await, Ok(Ok(_))),
        None => false,
    };
    found(judge::ipv6(Ipv6Facts {
        here,
        server: of_server.is_some(),
        connects,
    }));
}
