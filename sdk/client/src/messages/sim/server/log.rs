//! A conversation as the server keeps it.

use std::collections::{BTreeMap, HashMap};

use cooee_protocol::{Entry, EntryAccepted, EntryId, GroupId, PullEntries, Username};

#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) entry: Entry,
    /// Shown to its author alone: the other one blocks them.
    pub(super) hidden: bool,
}

impl Stored {
    pub(super) fn is_shown(&self, who: &Username) -> bool {
        !self.hidden || self.entry.pseudo.as_ref() == Some(who)
    }
}

#[derive(Debug, Default)]
pub(in crate::messages::sim) struct Log {
    pub(super) is_pair: bool,
    /// The entry with sequence N is the one at N - 1.
    entries: Vec<Stored>,
    places: HashMap<EntryId, usize>,
    /// Members, and from where on each sees it.
    pub(in crate::messages::sim) members: BTreeMap<Username, u64>,
    pub(super) marks: BTreeMap<Username, (u64, u64)>,
    /// For whom it has changed when.
    pub(super) changed: BTreeMap<Username, u64>,
}

fn place(sequence: u64) -> usize {
    usize::try_from(sequence).unwrap_or(usize::MAX)
}

impl Log {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The last sequence that was given.
    pub(super) fn last(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(super) fn find(&self, id: &EntryId) -> Option<&Stored> {
        self.entries.get(*self.places.get(id)?)
    }

    /// The other one of a pair.
    pub(super) fn other(&self, who: &Username) -> &Username {
        self.members.keys().find(|name| *name != who).unwrap()
    }

    pub(super) fn push(&mut self, stored: Stored) {
        let id = stored.entry.id.clone();
        self.places.insert(id, self.entries.len());
        self.entries.push(stored);
    }

    /// What was said of a message goes with it.
    pub(super) fn erase(&mut self, target: &EntryId) {
        for stored in &mut self.entries {
            let entry = &mut stored.entry;
            if entry.id == *target || entry.refers_to.as_ref() == Some(target) {
                entry.body = None;
                entry.content_type = None;
                entry.erased = true;
            }
        }
    }

    pub(super) fn lose_everything_said(&mut self) {
        self.entries.clear();
        self.places.clear();
        self.marks.clear();
        for from in self.members.values_mut() {
            *from = 0;
        }
    }

    pub(super) fn everything(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(|stored| &stored.entry)
    }

    /// What a member is shown of what is between two sequences, without these.
    pub(super) fn shown(
        &self,
        who: &Username,
        after: u64,
        before: u64,
    ) -> impl DoubleEndedIterator<Item = &Entry> {
        let from = place(
            self.members
                .get(who)
                .copied()
                .unwrap_or(u64::MAX)
                .max(after),
        );
        let to = place(before.saturating_sub(1)).min(self.entries.len());
        self.entries
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .filter(|stored| stored.is_shown(who))
            .map(|stored| &stored.entry)
    }

    /// A page, and whether there is more on its side.
    pub(super) fn page(&self, who: &Username, pull: &PullEntries) -> (Vec<Entry>, bool) {
        let limit = usize::try_from(pull.limit.unwrap_or(200).clamp(1, 200)).unwrap();
        let mut page: Vec<Entry> = match pull.after {
            Some(after) => {
                let shown = self.shown(who, after, u64::MAX);
                shown.take(limit + 1).cloned().collect()
            }
            None => {
                let shown = self.shown(who, 0, pull.before.unwrap_or(u64::MAX));
                shown.rev().take(limit + 1).cloned().collect()
            }
        };
        let more = page.len() > limit;
        page.truncate(limit);
        if pull.after.is_none() {
            page.reverse();
        }
        (page, more)
    }

    /// The last sequence up to `sequence` that somebody is shown, member or not.
    pub(super) fn last_shown(&self, who: &Username, sequence: u64) -> u64 {
        let up_to = self.entries.get(..place(sequence).min(self.entries.len()));
        let last = up_to
            .unwrap_or_default()
            .iter()
            .rev()
            .find(|stored| stored.is_shown(who));
        last.map_or(0, |stored| stored.entry.sequence)
    }

    pub(super) fn accepted(
        &self,
        id_group: &GroupId,
        stored: &Stored,
        who: &Username,
    ) -> EntryAccepted {
        let entry = &stored.entry;
        EntryAccepted {
            id: entry.id.clone(),
            id_group: id_group.clone(),
            sequence: entry.sequence,
            previous: self.last_shown(who, entry.sequence - 1),
            time: entry.time.clone(),
        }
    }
}
