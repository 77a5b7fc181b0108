//! A person's line to the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::patience::within;

/// The way from one person to the server: a TCP proxy that can be cut and mended, and that finds
/// the server again when it has restarted elsewhere.
#[derive(Debug)]
pub struct Line {
    address: SocketAddr,
    whole: Arc<watch::Sender<bool>>,
    /// Bytes that still go to the server before the line breaks by itself.
    left: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Line {
    pub(crate) async fn to(server: watch::Receiver<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let whole = Arc::new(watch::Sender::new(true));
        let left = Arc::new(AtomicU64::new(u64::MAX));
        let way = Way {
            whole: Arc::clone(&whole),
            left: Arc::clone(&left),
        };
        let accepting = tokio::spawn(accept(listener, server, way));
        Self {
            address,
            whole,
            left,
            accepting,
        }
    }

    /// The server as this person knows it.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Breaks every connection, and lets none through until the line is mended.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Breaks every connection when so many more bytes have gone to the server.
    pub fn cut_after(&self, bytes: u64) {
        self.left.store(bytes, Ordering::Relaxed);
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
        self.left.store(u64::MAX, Ordering::Relaxed);
        self.whole.send_replace(true);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

/// What the connections of a line share.
#[derive(Debug, Clone)]
struct Way {
    whole: Arc<watch::Sender<bool>>,
    left: Arc<AtomicU64>,
}

async fn accept(listener: TcpListener, server: watch::Receiver<SocketAddr>, way: Way) {
    while let Ok((near, _)) = listener.accept().await {
        // A connection that is refused is closed as soon as it is accepted.
        if *way.whole.borrow() {
            tokio::spawn(carry(near, *server.borrow(), way.clone()));
        }
    }
}

async fn carry(mut near: TcpStream, server: SocketAddr, way: Way) {
    let Ok(mut far) = TcpStream::connect(server).await else {
        return;
    };
    for stream in [&near, &far] {
        if stream.set_nodelay(true).is_err() {
            return;
        }
    }
    let mut whole = way.whole.subscribe();
    let (from_near, to_near) = near.split();
    let (from_far, to_far) = far.split();
    let both = async {
        tokio::try_join!(
            to_the_server(from_near, to_far, &way),
            from_the_server(from_far, to_near)
        )
    };
    tokio::select! {
        _ = both => {}
        _ = whole.wait_for(|whole| !*whole) => {}
    }
}

/// Carries bytes to their end, or until the line breaks.
async fn to_the_server(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    way: &Way,
) -> std::io::Result<()> {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut piece).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        let left = way.left.load(Ordering::Relaxed);
        let goes = count.min(usize::try_from(left).unwrap_or(usize::MAX));
        to.write_all(piece.get(..goes).unwrap_or_default()).await?;
        if left != u64::MAX {
            let left = left.saturating_sub(goes as u64);
            way.left.store(left, Ordering::Relaxed);
            if left == 0 {
                way.whole.send_replace(false);
            }
        }
    }
}

async fn from_the_server(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> std::io::Result<()> {
    tokio::io::copy(&mut from, &mut to).await?;
    to.shutdown().await
}
