//! The network, and what happens to it.

use cooee_core::signalling::RequestError;
use cooee_protocol::{ClientMessage, ErrorCode, ErrorReply, NotSent};

use super::super::device::Down;
use super::super::server::{Answer, Push, refused};
use super::World;

impl World {
    pub(super) fn cut(&mut self, at: usize) {
        if self.devices[at].online {
            self.totals.cuts += 1;
            self.devices[at].disconnect();
        }
    }

    pub(super) fn kill_server(&mut self) {
        self.totals.server_kills += 1;
        for at in 0..self.devices.len() {
            self.devices[at].disconnect();
        }
    }

    /// Counts a frame; whether the connection breaks just here.
    fn breaks(&mut self) -> bool {
        self.totals.frames += 1;
        !self.calm && (self.totals.frames == self.cut_at || self.chance.once_in(60))
    }

    pub(super) fn deliver_up(&mut self, at: usize) {
        if !self.devices[at].up.is_empty() && self.breaks() {
            return self.cut(at);
        }
        let Some((tag, message)) = self.devices[at].up.pop_front() else {
            return;
        };
        if !self.calm && self.chance.once_in(25) {
            // Sent twice, as after an answer that was lost.
            self.totals.duplicates += 1;
            self.devices[at].up.push_front((tag, message.clone()));
        }
        if !self.calm && self.chance.once_in(150) {
            return self.kill_server();
        }
        let who = self.devices[at].who.clone();
        let time = self.server_time();
        let (answer, pushes) = match self.trouble(&message) {
            Some(answer) => (answer, Vec::new()),
            None => {
                if matches!(message, ClientMessage::ListConversations(_)) {
                    self.devices[at].follows = true;
                }
                self.server.handle(&who, &message, time)
            }
        };
        if !self.calm && self.chance.once_in(150) {
            // It is done and durable, and nobody learns of it.
            return self.kill_server();
        }
        self.push(Some(at), pushes);
        let answer = answer.map_err(RequestError::Refused);
        self.send_down(at, Down::Answer(tag, answer));
    }

    /// What the server does not do now, although it might another time.
    fn trouble(&mut self, message: &ClientMessage) -> Option<Answer> {
        if self.calm {
            return None;
        }
        if matches!(message, ClientMessage::PostEntry(_)) && self.chance.once_in(20) {
            return Some(refused(NotSent::TooMany));
        }
        match self.chance.below(60) {
            0 => Some(Err(ErrorReply::new(ErrorCode::SlowDown, "slow down"))),
            1 => Some(Err(ErrorReply::new(ErrorCode::ServerFault, "not now"))),
            _ => None,
        }
    }

    pub(super) fn push(&mut self, but: Option<usize>, pushes: Vec<Push>) {
        for (who, message) in pushes {
            for at in 0..self.devices.len() {
                let device = &self.devices[at];
                if device.follows && device.who == who && Some(at) != but {
                    self.send_down(at, Down::Notification(message.clone()));
                }
            }
        }
    }

    fn send_down(&mut self, at: usize, down: Down) {
        if !self.calm && self.chance.once_in(8) {
            self.totals.duplicates += 1;
            self.devices[at].down.push_back(down.clone());
        }
        self.devices[at].down.push_back(down);
    }

    pub(super) fn deliver_down(&mut self, at: usize) {
        let waiting = self.devices[at].down.len();
        if waiting > 0 && self.breaks() {
            return self.cut(at);
        }
        let index = if !self.calm && waiting > 1 && self.chance.once_in(3) {
            self.totals.reorders += 1;
            1 + self.chance.below(waiting - 1)
        } else {
            0
        };
        let now = self.now;
        if let Some(down) = self.devices[at].down.remove(index) {
            self.devices[at].receive(now, down);
        }
    }
}
