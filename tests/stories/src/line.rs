//! A person's line to the server.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::patience::within;

/// The way from one person to the server: a TCP proxy that can be cut and mended, and that finds
/// the server again when it has restarted elsewhere.
#[derive(Debug)]
pub struct Line {
    address: SocketAddr,
    scheme: &'static str,
    whole: Arc<watch::Sender<bool>>,
    traffic: Arc<Traffic>,
    accepting: JoinHandle<()>,
}

/// What has gone over a line, and what still may.
#[derive(Debug)]
struct Traffic {
    /// Bytes that still go to the server before the line breaks by itself.
    left: AtomicU64,
    bytes: AtomicU64,
    round_trips: AtomicU64,
    /// Instants at which anything went by, and the last of them.
    moments: Mutex<(u64, Option<Instant>)>,
    /// How long bytes take in either direction, in milliseconds.
    delay: AtomicU64,
}

impl Line {
    pub(crate) async fn to(server: watch::Receiver<SocketAddr>, scheme: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let whole = Arc::new(watch::Sender::new(true));
        let traffic = Arc::new(Traffic::new());
        let carried = Arc::clone(&traffic);
        let accepting = tokio::spawn(accept(listener, server, Arc::clone(&whole), carried));
        Self {
            address,
            scheme,
            whole,
            traffic,
            accepting,
        }
    }

    /// The server as this person knows it.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Bytes that went over the line, both ways, without what TCP adds.
    pub fn bytes(&self) -> u64 {
        self.traffic.bytes.load(Ordering::Relaxed)
    }

    /// How often this person had to wait for the server before they could say more, connecting
    /// included: their first word, and each word after one of the server's, begins a round trip.
    pub fn round_trips(&self) -> u64 {
        self.traffic.round_trips.load(Ordering::Relaxed)
    }

    /// Has bytes take so long each way from now on. On a line without any length, what the server
    /// adds behind its answer may overtake what is said next, and look as if it was waited for.
    pub fn takes(&self, delay: Duration) {
        let delay = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.traffic.delay.store(delay, Ordering::Relaxed);
    }

    /// At how many instants of the runtime's clock anything went over the line. On a stopped clock
    /// that is how often a phone's radio would wake.
    pub fn moments(&self) -> u64 {
        let moments = self.traffic.moments.lock();
        moments.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Breaks every connection, and lets none through until the line is mended.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Breaks every connection when so many more bytes have gone to the server.
    pub fn cut_after(&self, bytes: u64) {
        self.traffic.left.store(bytes, Ordering::Relaxed);
    }

    /// Waits until the line has broken.
    pub async fn is_cut(&self) {
        let mut whole = self.whole.subscribe();
        let cut = whole.wait_for(|whole| !*whole);
        within(async { cut.await.map(drop) }, || {
            "for a line to break".to_owned()
        })
        .await
        .expect("the line is there");
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.traffic.left.store(u64::MAX, Ordering::Relaxed);
        self.whole.send_replace(true);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(
    listener: TcpListener,
    server: watch::Receiver<SocketAddr>,
    whole: Arc<watch::Sender<bool>>,
    traffic: Arc<Traffic>,
) {
    while let Ok((near, _)) = listener.accept().await {
        // A connection that is refused is closed as soon as it is accepted.
        if *whole.borrow() {
            let traffic = Arc::clone(&traffic);
            tokio::spawn(carry(near, *server.borrow(), Arc::clone(&whole), traffic));
        }
    }
}

async fn carry(
    near: TcpStream,
    server: SocketAddr,
    whole: Arc<watch::Sender<bool>>,
    traffic: Arc<Traffic>,
) {
    // The TCP connection is a round trip of its own.
    traffic.round_trips.fetch_add(1, Ordering::Relaxed);
    let Ok(far) = TcpStream::connect(server).await else {
        return;
    };
    for stream in [&near, &far] {
        if stream.set_nodelay(true).is_err() {
            return;
        }
    }
    let mut broken = whole.subscribe();
    tokio::select! {
        () = relay(near, far, &whole, &traffic) => {}
        _ = broken.wait_for(|whole| !*whole) => {}
    }
}

/// Moves bytes both ways until both sides have ended, or the line breaks.
async fn relay(
    mut near: TcpStream,
    mut far: TcpStream,
    whole: &watch::Sender<bool>,
    traffic: &Traffic,
) {
    let ((mut near_in, mut near_out), (mut far_in, mut far_out)) = (near.split(), far.split());
    let (mut up, mut down) = ([0; 8192], [0; 8192]);
    let (mut up_ended, mut down_ended) = (false, false);
    let mut waits = true;
    while !(up_ended && down_ended) {
        tokio::select! {
            read = near_in.read(&mut up), if !up_ended => match read {
                Ok(0) | Err(_) => {
                    up_ended = true;
                    let _ = far_out.shutdown().await;
                }
                Ok(count) => {
                    if std::mem::take(&mut waits) {
                        traffic.round_trips.fetch_add(1, Ordering::Relaxed);
                    }
                    let goes = traffic.goes(count);
                    traffic.count(goes);
                    traffic.travels().await;
                    up_ended = far_out.write_all(&up[..goes]).await.is_err();
                    if traffic.left.load(Ordering::Relaxed) == 0 {
                        whole.send_replace(false);
                    }
                }
            },
            read = far_in.read(&mut down), if !down_ended => match read {
                Ok(0) | Err(_) => {
                    down_ended = true;
                    let _ = near_out.shutdown().await;
                }
                Ok(count) => {
                    waits = true;
                    traffic.count(count);
                    traffic.travels().await;
                    // What was said before the end is still carried.
                    down_ended = near_out.write_all(&down[..count]).await.is_err();
                }
            },
        }
    }
}

impl Traffic {
    fn new() -> Self {
        Self {
            left: AtomicU64::new(u64::MAX),
            bytes: AtomicU64::new(0),
            round_trips: AtomicU64::new(0),
            moments: Mutex::default(),
            delay: AtomicU64::new(0),
        }
    }

    async fn travels(&self) {
        let delay = self.delay.load(Ordering::Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
    }

    /// How many of so many bytes still go to the server.
    fn goes(&self, count: usize) -> usize {
        let left = self.left.load(Ordering::Relaxed);
        if left == u64::MAX {
            return count;
        }
        let goes = count.min(usize::try_from(left).unwrap_or(usize::MAX));
        self.left
            .store(left.saturating_sub(goes as u64), Ordering::Relaxed);
        goes
    }

    fn count(&self, bytes: usize) {
        self.bytes
            .fetch_add(bytes.try_into().unwrap_or(0), Ordering::Relaxed);
        let now = Instant::now();
        let mut moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        if moments.1 != Some(now) {
            *moments = (moments.0 + 1, Some(now));
        }
    }
}
