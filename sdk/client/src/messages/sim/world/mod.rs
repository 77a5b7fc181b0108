//! Everything together, and what happens to it.

mod network;
mod people;
mod totals;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cooee_protocol::{EntryId, GroupId, Username};
use cooee_store::Cache;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub(super) use self::totals::Totals;
use super::chance::Chance;
use super::check;
use super::device::Device;
use super::server::Server;

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
