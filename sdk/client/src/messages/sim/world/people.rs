//! What people do: write, tidy, read, come and go.

use cooee_core::conversations::Draft;
use cooee_protocol::{Content, Destination, EntryId, Posting};

use super::super::server::pair_id;
use super::World;

impl World {
    pub(super) fn somebody_writes(&mut self, at: usize) {
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

    pub(super) fn somebody_tidies(&mut self, at: usize) {
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

    pub(super) fn somebody_reads(&mut self, at: usize) {
        let now = self.now;
        let group = self.group.clone();
        if self.chance.once_in(2) {
            self.devices[at].read(now, &group);
        } else {
            self.devices[at].fetch_older(now, &group);
        }
    }

    pub(super) fn membership_changes(&mut self) {
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
}
