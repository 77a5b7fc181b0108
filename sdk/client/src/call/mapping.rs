//! Port mappings: asks the router for a way in (PCP, RFC 6887; NAT-PMP, RFC 6886).
//!
//! A router that grants it lets two through that could not be punched, and be it with one of them
//! alone. Nobody waits for it: what it gives is one more candidate.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::num::NonZeroU16;
use std::time::Duration;

use crab_nat::{GatewayAddress, InternetProtocol, PortMapping, PortMappingOptions, TimeoutConfig};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How long a mapping lives, in seconds, unless it is renewed: what a crash leaves behind.
const LIFETIME: u32 = 600;
/// How long is waited for an answer at first, then twice that, and so on; most routers have none.
const PATIENCE: TimeoutConfig = TimeoutConfig {
    initial_timeout: Duration::from_millis(250),
    max_retries: 3,
    max_retry_timeout: None,
};
/// The shortest time between two renewals.
const LEAST_RENEWAL: Duration = Duration::from_secs(20);
/// Mappings that wait to be looked at.
const QUEUE: usize = 16;

/// A local socket, and the address that the router lends it.
pub(crate) type Mapped = (SocketAddr, SocketAddr);

/// The mappings of one call's sockets. Dropped, they are given back.
pub(crate) struct Mappings {
    tasks: Vec<(SocketAddr, JoinHandle<()>)>,
    sender: mpsc::Sender<Mapped>,
    news: mpsc::Receiver<Mapped>,
}

impl Mappings {
    pub(crate) fn new() -> Self {
        let (sender, news) = mpsc::channel(QUEUE);
        Self {
            tasks: Vec::new(),
            sender,
            news,
        }
    }

    /// Asks for every socket that is new and behind a router, and forgets those that are gone.
    pub(crate) fn follow(&mut self, sockets: &[SocketAddr]) {
        self.tasks.retain(|(socket, task)| {
            let stays = sockets.contains(socket);
            if !stays {
                task.abort();
            }
            stays
        });
        for socket in sockets {
            let SocketAddr::V4(address) = socket else {
                continue;
            };
            if self.tasks.iter().any(|(known, _)| known == socket) {
                continue;
            }
            if let Some(gateway) = translates(*address.ip())
                .then(|| gateway(*address.ip()))
                .flatten()
            {
                let keeping = keep(*address, gateway, self.sender.clone());
                self.tasks.push((*socket, tokio::spawn(keeping)));
            }
        }
    }

    /// The next mapping that was granted.
    pub(crate) async fn next(&mut self) -> Mapped {
        match self.news.recv().await {
            Some(mapped) => mapped,
            None => std::future::pending().await,
        }
    }
}

/// Holds a mapping for as long as somebody listens, then gives it back.
async fn keep(socket: SocketAddrV4, gateway: Ipv4Addr, news: mpsc::Sender<Mapped>) {
    let Some(port) = NonZeroU16::new(socket.port()) else {
        return;
    };
    let options = PortMappingOptions {
        external_port: None,
        lifetime_seconds: Some(LIFETIME),
        timeout_config: Some(PATIENCE),
    };
    let client = IpAddr::V4(*socket.ip());
    let asked = PortMapping::new(
        GatewayAddress::IpV4(gateway),
        client,
        InternetProtocol::Udp,
        port,
        options,
    );
    let mut mapping = match asked.await {
        Ok(mapping) => mapping,
        Err(error) => {
            tracing::debug!(%error, "the router maps no port");
            return;
        }
    };
    loop {
        let Some(mapped) = external(&mapping, gateway).await else {
            tracing::debug!("the router has mapped a port of no public address");
            break;
        };
        tracing::info!("the router has mapped a port");
        if news.send((SocketAddr::V4(socket), mapped)).await.is_err() {
            break;
        }
        let half = Duration::from_secs(u64::from(mapping.lifetime() / 2));
        tokio::select! {
            () = sleep(half.max(LEAST_RENEWAL)) => {}
            () = news.closed() => break,
        }
        if let Err(error) = mapping.renew().await {
            tracing::debug!(%error, "the router renews no mapping");
            return;
        }
    }
    if let Err((error, _)) = mapping.try_drop().await {
        tracing::debug!(%error, "a mapping is left to expire");
    }
}

/// The address and port outside, if the internet can reach them.
async fn external(mapping: &PortMapping, gateway: Ipv4Addr) -> Option<SocketAddr> {
    let address = match mapping.mapping_type() {
        crab_nat::PortMappingType::Pcp { external_ip, .. } => external_ip,
        crab_nat::PortMappingType::NatPmp => {
            let asked =
                crab_nat::natpmp::external_address(GatewayAddress::IpV4(gateway), Some(PATIENCE));
            IpAddr::V4(asked.await.ok()?)
        }
    };
    // A router behind another one has nothing to give.
    let address = match address.to_canonical() {
        IpAddr::V4(v4) if !translates(v4) && !v4.is_unspecified() => v4,
        IpAddr::V4(_) | IpAddr::V6(_) => return None,
    };
    Some(SocketAddr::new(
        IpAddr::V4(address),
        mapping.external_port().get(),
    ))
}

/// Whether an address is one that a router translates: private, or shared by a provider's customers.
fn translates(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private() || (a == 100 && (64..128).contains(&b))
}

/// The router on the way out from a local address.
#[cfg(target_os = "linux")]
fn gateway(local: Ipv4Addr) -> Option<Ipv4Addr> {
    let interfaces = if_addrs::get_if_addrs().ok()?;
    let own = interfaces
        .iter()
        .find(|own| own.ip() == IpAddr::V4(local))?;
    let routes = std::fs::read_to_string("/proc/net/route").ok()?;
    default_route(&routes, &own.name)
}

/// Elsewhere the system is not asked yet.
#[cfg(not(target_os = "linux"))]
fn gateway(_local: Ipv4Addr) -> Option<Ipv4Addr> {
    None
}

/// The gateway of an interface's best default route, from /proc/net/route (proc_net(5)).
#[cfg(target_os = "linux")]
fn default_route(routes: &str, interface: &str) -> Option<Ipv4Addr> {
    let of_line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let &[name, destination, gateway, _, _, _, metric, mask, ..] = fields.as_slice() else {
            return None;
        };
        let is_default = destination == "00000000" && mask == "00000000";
        if name != interface || !is_default {
            return None;
        }
        let gateway = u32::from_str_radix(gateway, 16)
            .ok()
            .filter(|ip| *ip != 0)?;
        // In the machine's own order of octets, which is that of the network.
        Some((
            metric.parse::<u32>().ok()?,
            Ipv4Addr::from(gateway.to_ne_bytes()),
        ))
    };
    routes
        .lines()
        .filter_map(of_line)
        .min()
        .map(|(_, gateway)| gateway)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_best_default_route_of_the_interface_is_found() {
        let routes = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t0102A8C0\t0003\t0\t0\t200\t00000000\t0\t0\t0\n\
            eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
            wlan0\t00000000\t0103A8C0\t0003\t0\t0\t50\t00000000\t0\t0\t0\n\
            eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
            garbage\n";
        let found = |interface| default_route(routes, interface);
        if cfg!(target_endian = "little") {
            assert_eq!(found("eth0"), Some(Ipv4Addr::new(192, 168, 1, 1)));
            assert_eq!(found("wlan0"), Some(Ipv4Addr::new(192, 168, 3, 1)));
        }
        assert_eq!(found("lo"), None);
        assert_eq!(default_route("", "eth0"), None);
    }

    #[test]
    fn only_translated_addresses_are_mapped() {
        for yes in ["10.0.0.1", "192.168.1.2", "172.16.0.1", "100.64.0.1"] {
            assert!(yes.parse().is_ok_and(translates), "{yes}");
        }
        for no in ["127.0.0.1", "203.0.113.1", "100.128.0.1", "169.254.0.1"] {
            assert!(!no.parse().is_ok_and(translates), "{no}");
        }
    }
}
