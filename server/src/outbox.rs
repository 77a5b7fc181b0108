//! What waits to be sent to one connection: a bounded queue that never makes a sender wait.
//!
//! A client that does not read fills its queue, and then its connection is dropped; nobody else
//! notices. Voice has a short queue of its own behind the signalling, and the oldest gives way:
//! what was said too long ago helps nobody.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::{Message, Utf8Bytes};
use cooee_protocol::{Seq, ServerFrame, ServerMessage};
use tokio::sync::Notify;

use crate::ids::SessionId;

/// Voice frames that wait at most: 80 ms of seven people.
const MOST_VOICE: usize = 28;

thread_local! {
    /// The connections that are woken at the end of [`together`]; nothing outside of it.
    static WOKEN_LATER: RefCell<Option<Vec<Arc<Notify>>>> = const { RefCell::new(None) };
}

/// Tells many things at once: the connections that are told something begin to write when all is
/// told, so that each writes it to its socket in one piece. Not to be nested.
pub(crate) fn together<R>(tell: impl FnOnce() -> R) -> R {
    struct Wake;
    impl Drop for Wake {
        fn drop(&mut self) {
            for wake in WOKEN_LATER.take().into_iter().flatten() {
                wake.notify_one();
            }
        }
    }
    WOKEN_LATER.set(Some(Vec::new()));
    let _wake = Wake;
    tell()
}

/// Why a connection ends, as its WebSocket close frame says (RFC 6455, section 7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
}

impl Close {
    pub(crate) const NORMAL: Self = Self::new(1000, "");
    pub(crate) const STOPPING: Self = Self::new(1001, "server is stopping");
    pub(crate) const TEXT: Self = Self::new(1007, "a text frame is UTF-8");
    pub(crate) const PROTOCOL: Self = Self::new(1002, "not the WebSocket protocol");
    pub(crate) const FLOOD: Self = Self::new(1008, "too many requests");
    pub(crate) const REVOKED: Self = Self::new(1008, "the password was changed");
    pub(crate) const DELETED: Self = Self::new(1008, "the profile was deleted");
    pub(crate) const NO_LOGIN: Self = Self::new(1008, "no login in time");
    pub(crate) const TOO_BIG: Self = Self::new(1009, "the frame is too big");
    pub(crate) const RESUMED: Self = Self::new(4001, "resumed elsewhere");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}

/// The next thing for the connection to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Send this.
    Frame(Message),
    /// Say why and end.
    Close(Close),
    /// End at once: the client did not read.
    Drop,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits to be sent.
    Queued,
    /// There was no room for it, or the connection is ending.
    Lost,
}

#[derive(Debug)]
enum Ending {
    No,
    AfterQueue(Close),
    AtOnce,
}

#[derive(Debug)]
struct State {
    frames: VecDeque<Utf8Bytes>,
    voice: VecDeque<Message>,
    bytes: usize,
    ending: Ending,
    /// The session that the connection has, as the hub sees it.
    session: Option<SessionId>,
    /// Whether the session on this connection has asked to be told of entries.
    follows: bool,
    finished: bool,
}

impl State {
    fn next_frame(&mut self) -> Option<Message> {
        if let Some(text) = self.frames.pop_front() {
            self.bytes = self.bytes.saturating_sub(text.len());
            if self.frames.is_empty() {
                // An idle connection keeps no buffer.
                self.frames = VecDeque::new();
            }
            return Some(Message::Text(text));
        }
        match self.ending {
            Ending::No => {
                let frame = self.voice.pop_front();
                if self.voice.is_empty() {
                    self.voice = VecDeque::new();
                }
                frame
            }
            Ending::AfterQueue(_) | Ending::AtOnce => None,
        }
    }
}

/// The queue of one connection.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    wake: Arc<Notify>,
    /// Whether the client has sent binary frames, so that it can be sent some.
    binary: AtomicBool,
    most_frames: usize,
    most_bytes: usize,
}

impl Outbox {
    pub(crate) fn new(most_frames: usize, most_bytes: usize) -> Self {
        Self {
            state: Mutex::new(State {
                frames: VecDeque::new(),
                voice: VecDeque::new(),
                bytes: 0,
                ending: Ending::No,
                session: None,
                follows: false,
                finished: false,
            }),
            wake: Arc::default(),
            binary: AtomicBool::new(false),
            most_frames,
            most_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a message; overflow ends the connection.
    pub(crate) fn send(&self, re: Option<Seq>, message: ServerMessage) -> Pushed {
        match encode(re, message) {
            Some(text) => self.send_text(text),
            None => Pushed::Lost,
        }
    }

    /// Queues a frame that is encoded already; overflow ends the connection.
    pub(crate) fn send_text(&self, text: Utf8Bytes) -> Pushed {
        let mut state = self.lock();
        match state.ending {
            Ending::No => {}
            Ending::AfterQueue(_) | Ending::AtOnce => return Pushed::Lost,
        }
        let bytes = state.bytes.saturating_add(text.len());
        if state.frames.len() >= self.most_frames || bytes > self.most_bytes {
            state.frames = VecDeque::new();
            state.bytes = 0;
            state.ending = Ending::AtOnce;
            self.wake.notify_one();
            return Pushed::Lost;
        }
        state.bytes = bytes;
        state.frames.push_back(text);
        // Whoever writes looks for more before it waits again.
        if state.frames.len() == 1 {
            self.wake();
        }
        Pushed::Queued
    }

    /// Wakes whoever writes, now or when all is told.
    fn wake(&self) {
        WOKEN_LATER.with_borrow_mut(|later| match later {
            Some(later) => later.push(Arc::clone(&self.wake)),
            None => self.wake.notify_one(),
        });
    }

    /// Queues a frame of voice; the oldest one gives way.
    pub(crate) fn send_voice(&self, frame: Message) {
        let mut state = self.lock();
        match state.ending {
            Ending::No => {}
            Ending::AfterQueue(_) | Ending::AtOnce => return,
        }
        if state.voice.len() >= MOST_VOICE {
            state.voice.pop_front();
        }
        state.voice.push_back(frame);
        self.wake.notify_one();
    }

    /// Notes that the client speaks binary frames.
    pub(crate) fn speaks_binary(&self) {
        self.binary.store(true, Ordering::Relaxed);
    }

    /// Whether the client speaks binary frames.
    pub(crate) fn is_binary(&self) -> bool {
        self.binary.load(Ordering::Relaxed)
    }

    /// Ends the connection after what is queued.
    pub(crate) fn close(&self, close: Close) {
        let mut state = self.lock();
        match state.ending {
            Ending::No => {
                state.ending = Ending::AfterQueue(close);
                self.wake.notify_one();
            }
            Ending::AfterQueue(_) | Ending::AtOnce => {}
        }
    }

    /// Notes the session of the connection. Called with the hub locked, as are
    /// [`Outbox::is_finished`] and [`Outbox::finish`]: no session outlives its connection.
    pub(crate) fn bind(&self, session: SessionId) {
        let mut state = self.lock();
        // Another profile's news are not what the one before has asked for.
        state.follows &= state.session == Some(session);
        state.session = Some(session);
    }

    /// The client asks to be told of entries.
    pub(crate) fn follow(&self) {
        self.lock().follows = true;
    }

    /// Whether the client is told of entries.
    pub(crate) fn follows(&self) -> bool {
        self.lock().follows
    }

    /// Whether the connection is gone.
    pub(crate) fn is_finished(&self) -> bool {
        self.lock().finished
    }

    /// The connection is gone; says which session it had.
    pub(crate) fn finish(&self) -> Option<SessionId> {
        let mut state = self.lock();
        state.finished = true;
        state.frames = VecDeque::new();
        state.voice = VecDeque::new();
        state.bytes = 0;
        state.ending = Ending::AtOnce;
        state.session.take()
    }

    /// Whether the connection is to end.
    pub(crate) fn is_ending(&self) -> bool {
        match self.lock().ending {
            Ending::No => false,
            Ending::AfterQueue(_) | Ending::AtOnce => true,
        }
    }

    /// Waits for the next thing to do. Only one task may wait.
    pub(crate) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.wake.notified().await;
        }
    }

    /// Waits until the queue has overflowed. Not to be waited for beside [`Outbox::next`].
    pub(crate) async fn overflow(&self) {
        while !matches!(self.lock().ending, Ending::AtOnce) {
            self.wake.notified().await;
        }
    }

    /// The next frame to send, if there is one now.
    pub(crate) fn take_frame(&self) -> Option<Message> {
        self.lock().next_frame()
    }

    /// The next thing to do, if there is one now.
    pub(crate) fn take(&self) -> Option<Next> {
        let mut state = self.lock();
        if let Some(frame) = state.next_frame() {
            return Some(Next::Frame(frame));
        }
        match state.ending {
            Ending::No => None,
            Ending::AfterQueue(close) => Some(Next::Close(close)),
            Ending::AtOnce => Some(Next::Drop),
        }
    }
}

/// The text of a frame. Nothing only if a message does not serialise, which is a bug.
pub(crate) fn encode(re: Option<Seq>, message: ServerMessage) -> Option<Utf8Bytes> {
    let frame = ServerFrame { re, message };
    match frame.to_text() {
        Ok(text) => Some(Utf8Bytes::from(text)),
        Err(error) => {
            tracing::error!(code = %frame.message.code(), %error, "a message does not serialise");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Wake, Waker};

    use super::*;

    #[test]
    fn overflow_drops_the_connection_and_frees_its_queue() {
        let outbox = Outbox::new(2, 1000);
        assert_eq!(outbox.send_text("one".into()), Pushed::Queued);
        assert_eq!(outbox.send_text("two".into()), Pushed::Queued);
        assert_eq!(outbox.send_text("three".into()), Pushed::Lost);
        assert_eq!(outbox.take(), Some(Next::Drop));
        assert!(outbox.is_ending());
    }

    #[test]
    fn bytes_count_as_well_as_frames() {
        let outbox = Outbox::new(100, 10);
        assert_eq!(outbox.send_text("12345678".into()), Pushed::Queued);
        assert_eq!(outbox.send_text("123".into()), Pushed::Lost);
        assert_eq!(outbox.take(), Some(Next::Drop));
    }

    #[test]
    fn signalling_goes_before_voice_and_old_voice_gives_way() {
        let outbox = Outbox::new(4, 1000);
        for number in 0..=MOST_VOICE {
            outbox.send_voice(Message::text(number.to_string()));
        }
        assert_eq!(outbox.send_text("signal".into()), Pushed::Queued);
        assert_eq!(outbox.take(), Some(Next::Frame(Message::text("signal"))));
        assert_eq!(outbox.take(), Some(Next::Frame(Message::text("1"))));
        assert!(!outbox.is_ending());
    }

    /// Whether a task was woken.
    #[derive(Debug, Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_is_told_together_wakes_at_the_end() {
        let outbox = Outbox::new(4, 1000);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let is_woken = || woken.0.swap(false, Ordering::Relaxed);
        let mut next = pin!(outbox.next());
        assert!(next.as_mut().poll(&mut context).is_pending());
        together(|| {
            outbox.send_text("one".into());
            outbox.send_text("two".into());
            assert!(!is_woken());
        });
        assert!(is_woken());
        let first = Next::Frame(Message::text("one"));
        assert_eq!(next.as_mut().poll(&mut context), Poll::Ready(first));
        assert_eq!(outbox.take_frame(), Some(Message::text("two")));
        // Outside of it at once, even after a panic inside.
        let panicked = std::panic::catch_unwind(|| together(|| panic!("while telling")));
        assert!(panicked.is_err());
        let mut next = pin!(outbox.next());
        assert!(next.as_mut().poll(&mut context).is_pending());
        outbox.send_text("three".into());
        assert!(is_woken());
    }

    #[test]
    fn a_close_comes_after_what_was_queued() {
        let outbox = Outbox::new(4, 1000);
        outbox.send_text("last".into());
        outbox.close(Close::STOPPING);
        assert_eq!(outbox.send_text("late".into()), Pushed::Lost);
        assert_eq!(outbox.take(), Some(Next::Frame(Message::text("last"))));
        assert_eq!(outbox.take(), Some(Next::Close(Close::STOPPING)));
    }
}
