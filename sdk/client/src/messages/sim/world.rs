//! Everything together, and what happens to it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cooee_core::conversations::Draft;
use cooee_core::signalling::RequestError;
use cooee_protocol::{
    ClientMessage, Content, Destination, EntryId, ErrorCode, ErrorReply, GroupId, NotSent, Posting,
    Username,
};
use cooee_store::Cache;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::chance::Chance;
use super::check;
use super::device::{Device, Down};
use super::server::{Answer, Server, pair_id, refused};

/// What has happened in all runs, so that a simulation without trouble is noticed.
#[derive(Debug, Default, Clone)]
pub(super) struct Totals {
    pub(super) frames: u64,
    pub(super) cuts: u64,
    pub(super) client_kills: u64,
    pub(super) server_kills: u64,
    pub(super) duplicates: u64,
    pub(super) reorders: u64,
    pub(super) restores: u64,
    pub(super) entries: u64,
    pub(super) arrived: u64,
    pub(super) refused: u64,
}

impl Totals {
    pub(super) fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.cuts += other.cuts;
        self.client_kills += other.client_kills;
        self.server_kills += other.server_kills;
        self.duplicates += other.duplicates;
        self.reorders += other.reorders;
        self.restores += other.restores;
        self.entries += other.entries;
        self.arrived += other.arrived;
        self.refused += other.refused;
    }

    pub(super) fn must_have_seen_everything(&self, runs: u64) {
        if runs < 100 {
            return;
        }
        for (what, count) in [
            ("connections cut", self.cuts),
            ("clients killed", self.client_kills),
            ("servers killed", self.server_kills),
            ("frames doubled", self.duplicates),
            ("frames out of order", self.reorders),
            ("drafts refused", self.refused),
        ] {
            assert!(count > runs / 4, "{what}: only {count}");
        }
        assert!(self.restores > 0 && self.arrived > runs, "{self:?}");
    }
}

#[derive(Debug)]
pub(super) struct World {
    seed: u64,
    pub(super) chance: Chance,
    pub(super) now: Instant,
    started: Instant,
    pub(super) server: Server,
    pub(super) devices: Vec<Device>,
    pub(super) people: Vec<Username>,
    pub(super) group: GroupId,
    pub(super) totals: Totals,
    /// Before the server lost everything that was said; none of it is expected any more.
    pub(super) lost: BTreeSet<EntryId>,
    /// The frame at which one connection is certainly cut.
    cut_at: u64,
    server_clock_error: i64,
    calm: bool,
}

impl World {
    pub(super) fn run(seed: u64, caches: &mut Vec<Cache>) -> Totals {
        let mut world = Self::new(seed, caches);
        let steps = 60 + world.chance.below(140);
        for _ in 0..steps {
            world.step();
        }
        world.come_to_rest();
        check::everything(&mut world);
        caches.extend(world.devices.into_iter().map(|device| device.cache));
        world.totals
    }

    fn new(seed: u64, caches: &mut Vec<Cache>) -> Self {
        let mut chance = Chance::seeded(seed);
        let names = ["alice", "bob", "carol"];
        let count = 2 + chance.below(2);
        let people: Vec<Username> = names[..count]
            .iter()
            .map(|name| name.parse().unwrap())
            .collect();
        let mut server = Server::new();
        let group = GroupId::parse("friends").unwrap();
        for one in &people {
            server.join(&group, one);
            for other in &people {
                if one < other {
                    server.befriend(one, other);
                }
            }
        }
        let number = 2 + chance.below(4);
        let devices = (0..number)
            .map(|index| Device::new(people[index % people.len()].clone(), caches.pop()))
            .collect();
        let cut_at = chance.next() % 80;
        let now = Instant::now();
        Self {
            seed,
            chance,
            now,
            started: now,
            server,
            devices,
            people,
            group,
            totals: Totals::default(),
            lost: BTreeSet::new(),
            cut_at,
            server_clock_error: 0,
            calm: false,
        }
    }

    fn step(&mut self) {
        let at = self.chance.below(self.devices.len());
        match self.chance.below(100) {
            0..10 => self.somebody_writes(at),
            10..32 => self.deliver_up(at),
            32..54 => self.deliver_down(at),
            54..68 => {
                let mut chance = self.chance.clone();
                self.devices[at].turn_disk(Some(&mut chance));
                self.chance = chance;
            }
            68..80 => {
                let now = self.now;
                self.devices[at].report_written(now);
            }
            80..85 => self.pass(),
            85..92 => {
                if !self.devices[at].online {
                    self.devices[at].connect();
                }
            }
            92..94 => self.cut(at),
            94 => {
                self.totals.client_kills += 1;
                self.devices[at].kill();
            }
            95 => {
                if self.chance.once_in(2) {
                    self.kill_server();
                }
            }
            96 => self.membership_changes(),
            97 => self.clocks_jump(at),
            98 => self.somebody_tidies(at),
            _ => self.somebody_reads(at),
        }
    }

    /// Nothing breaks any more: everything has to find its way by itself.
    fn come_to_rest(&mut self) {
        self.calm = true;
        for device in &mut self.devices {
            if !device.online {
                device.connect();
            }
        }
        for _ in 0..20_000 {
            let mut busy = false;
            for at in 0..self.devices.len() {
                while !self.devices[at].up.is_empty() {
                    self.deliver_up(at);
                    busy = true;
                }
                while !self.devices[at].down.is_empty() {
                    self.deliver_down(at);
                    busy = true;
                }
                let now = self.now;
                while self.devices[at].has_writes() {
                    self.devices[at].turn_disk(None);
                    self.devices[at].report_written(now);
                    busy = true;
                }
            }
            if busy {
                continue;
            }
            let waiting = self.devices.iter().any(|device| {
                let outbox = device.cache.outbox().unwrap();
                !device.machine.is_caught_up() || outbox.iter().any(|out| out.refusal.is_none())
            });
            let next = self
                .devices
                .iter()
                .filter_map(|device| device.machine.poll_timeout())
                .min();
            match next {
                Some(next) if waiting || self.marks_are_due() => {
                    self.now = self.now.max(next);
                    self.time_out();
                }
                _ if waiting => panic!("seed {}: it comes to no rest", self.seed),
                _ => return,
            }
        }
        panic!("seed {}: it never comes to rest", self.seed);
    }

    /// Whether a timer that tells what has arrived is still to come.
    fn marks_are_due(&self) -> bool {
        self.devices.iter().any(|device| {
            let soon = self.now + Duration::from_secs(10);
            device.machine.poll_timeout().is_some_and(|at| at < soon)
        })
    }

    // People.

    fn somebody_writes(&mut self, at: usize) {
        let who = self.devices[at].who.clone();
        let others: Vec<_> = self
            .people
            .iter()
            .filter(|name| **name != who)
            .cloned()
            .collect();
        let (id_group, destination) = if self.chance.once_in(2) {
            let id_group = self.group.clone();
            (id_group.clone(), Destination::Conversation { id_group })
        } else {
            let other = self.chance.pick(&others).unwrap().clone();
            (
                pair_id(&who, &other),
                Destination::Contact { pseudo: other },
            )
        };
        let known = self.devices[at]
            .cache
            .messages(id_group.as_str(), None, 5)
            .unwrap();
        let waiting = self.devices[at].cache.outbox_of(id_group.as_str()).unwrap();
        let mut targets: Vec<String> = known.iter().map(|message| message.id.clone()).collect();
        targets.extend(waiting.iter().map(|out| out.draft.id.clone()));
        let target = self
            .chance
            .pick(&targets)
            .map(|id| EntryId::parse(id).unwrap());
        let words = Content::text(format!("word{}", self.chance.next() % 1_000));
        let message = |content, reply_to| Posting::Message {
            content,
            reply_to,
            list_attachment: Default::default(),
        };
        let posting = match (self.chance.below(10), target) {
            (0, Some(refers_to)) => Posting::Edit {
                refers_to,
                content: words,
            },
            (1, Some(refers_to)) => Posting::Deletion { refers_to },
            (2, Some(refers_to)) => Posting::Reaction {
                refers_to,
                content: Content::text("👍"),
            },
            (3, Some(refers_to)) => Posting::Reaction {
                refers_to,
                content: Content::text(""),
            },
            (4, Some(reply_to)) => message(words, Some(reply_to)),
            _ => message(words, None),
        };
        let draft = Draft {
            id: self.new_id(at),
            destination,
            posting,
            written_at: self.wall_clock(at),
        };
        let now = self.now;
        self.devices[at].post(now, draft).unwrap();
    }

    fn somebody_tidies(&mut self, at: usize) {
        let outbox = self.devices[at].cache.outbox().unwrap();
        let refused: Vec<_> = outbox.iter().filter(|out| out.refusal.is_some()).collect();
        if let Some(out) = self.chance.pick(&refused) {
            let id = EntryId::parse(&out.draft.id).unwrap();
            let now = self.now;
            if self.chance.once_in(2) {
                self.devices[at].retry(now, &id);
            } else {
                self.devices[at].discard(&id);
            }
        }
    }

    fn somebody_reads(&mut self, at: usize) {
        let now = self.now;
        let group = self.group.clone();
        if self.chance.once_in(2) {
            self.devices[at].read(now, &group);
        } else {
            self.devices[at].fetch_older(now, &group);
        }
    }

    fn membership_changes(&mut self) {
        let who = self.chance.pick(&self.people).unwrap().clone();
        let other = self.chance.pick(&self.people).unwrap().clone();
        match self.chance.below(8) {
            0 => self.server.leave(&self.group.clone(), &who),
            1 | 2 => {
                let people = self.people.clone();
                for who in people {
                    self.server.join(&self.group.clone(), &who);
                }
            }
            3 if who != other => self.server.part(&who, &other),
            4 if who != other => self.server.befriend(&who, &other),
            5 if who != other => {
                let block = (who, other);
                let was = self.server.blocks.remove(&block);
                if !was {
                    self.server.blocks.insert(block);
                }
            }
            6 => {
                let id = self.new_id(0);
                let time = self.server_time();
                let pushes = self.server.call(&self.group.clone(), &who, id, time);
                self.push(None, pushes);
            }
            _ if self.chance.once_in(20) => {
                self.totals.restores += 1;
                for group in self.server.logs.keys().cloned().collect::<Vec<_>>() {
                    let gone = self.server.everything(&group);
                    self.lost.extend(gone.into_iter().map(|entry| entry.id));
                }
                self.server.lose_everything_said();
                self.kill_server();
            }
            _ => {}
        }
    }

    // Clocks.

    fn pass(&mut self) {
        let span = self.chance.next() % 3_000;
        self.now += Duration::from_millis(span);
        self.time_out();
    }

    fn time_out(&mut self) {
        let now = self.now;
        for device in &mut self.devices {
            if device.machine.poll_timeout().is_some_and(|at| at <= now) {
                device.time_out(now);
            }
        }
    }

    /// Clocks go wrong by up to ten years, either way.
    fn clocks_jump(&mut self, at: usize) {
        let years = 10 * 365 * 86_400_000_u64;
        let error = i64::try_from(self.chance.next() % (2 * years)).unwrap()
            - i64::try_from(years).unwrap();
        if self.chance.once_in(2) {
            self.devices[at].clock_error = error;
        } else {
            self.server_clock_error = error;
        }
    }

    fn wall_clock(&self, at: usize) -> i64 {
        let passed = i64::try_from((self.now - self.started).as_millis()).unwrap();
        1_790_000_000_000 + passed + self.devices[at].clock_error
    }

    fn server_time(&self) -> String {
        let passed = i64::try_from((self.now - self.started).as_millis()).unwrap();
        let millis = 1_790_000_000_000 + passed + self.server_clock_error;
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
        time.unwrap().format(&Rfc3339).unwrap()
    }

    fn new_id(&mut self, at: usize) -> EntryId {
        let millis = u64::try_from(self.wall_clock(at)).unwrap() & 0xffff_ffff_ffff;
        let (high, low) = (self.chance.next(), self.chance.next());
        let text = format!(
            "{:08x}-{:04x}-7{:03x}-8{:03x}-{:012x}",
            millis >> 16,
            millis & 0xffff,
            high & 0xfff,
            (high >> 12) & 0xfff,
            low & 0xffff_ffff_ffff
        );
        EntryId::parse(&text).unwrap()
    }

    // The network, and what happens to it.

    fn cut(&mut self, at: usize) {
        if self.devices[at].online {
            self.totals.cuts += 1;
            self.devices[at].disconnect();
        }
    }

    fn kill_server(&mut self) {
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

    fn deliver_up(&mut self, at: usize) {
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

    fn push(&mut self, but: Option<usize>, pushes: Vec<super::server::Push>) {
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

    fn deliver_down(&mut self, at: usize) {
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

    pub(super) fn fetch_everything(&mut self) {
        loop {
            let mut asked = false;
            for at in 0..self.devices.len() {
                for held in self.devices[at].cache.conversations().unwrap() {
                    let id_group = GroupId::parse(&held.id_group).unwrap();
                    let who = &self.devices[at].who;
                    let is_member = self
                        .server
                        .logs
                        .get(&id_group)
                        .is_some_and(|log| log.members.contains_key(who));
                    if held.first > held.begins_after + 1 && is_member {
                        let now = self.now;
                        self.devices[at].fetch_older(now, &id_group);
                        asked = true;
                    }
                }
            }
            if !asked {
                return;
            }
            self.come_to_rest();
        }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }
}
