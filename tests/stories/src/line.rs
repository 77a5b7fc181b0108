//! A person's line to the server.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The way from one person to the server: a TCP proxy that can be cut and mended, and that finds
/// the server again when it has restarted elsewhere.
#[derive(Debug)]
pub struct Line {
    address: SocketAddr,
    whole: Arc<watch::Sender<bool>>,
    accepting: JoinHandle<()>,
}

impl Line {
    pub(crate) async fn to(server: watch::Receiver<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let whole = Arc::new(watch::Sender::new(true));
        let accepting = tokio::spawn(accept(listener, server, Arc::clone(&whole)));
        Self {
            address,
            whole,
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

    /// Lets connections through again.
    pub fn mend(&self) {
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
) {
    while let Ok((near, _)) = listener.accept().await {
        // A connection that is refused is closed as soon as it is accepted.
        if *whole.borrow() {
            tokio::spawn(carry(near, *server.borrow(), whole.subscribe()));
        }
    }
}

async fn carry(mut near: TcpStream, server: SocketAddr, mut whole: watch::Receiver<bool>) {
    let Ok(mut far) = TcpStream::connect(server).await else {
        return;
    };
    for stream in [&near, &far] {
        if stream.set_nodelay(true).is_err() {
            return;
        }
    }
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = whole.wait_for(|whole| !*whole) => {}
    }
}
