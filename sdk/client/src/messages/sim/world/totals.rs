//! What the simulation went through.

/// What has happened in all runs, so that a simulation without trouble is noticed.
#[derive(Debug, Default, Clone)]
pub(in crate::messages::sim) struct Totals {
    pub(in crate::messages::sim) frames: u64,
    pub(in crate::messages::sim) cuts: u64,
    pub(in crate::messages::sim) client_kills: u64,
    pub(in crate::messages::sim) server_kills: u64,
    pub(in crate::messages::sim) duplicates: u64,
    pub(in crate::messages::sim) reorders: u64,
    pub(in crate::messages::sim) restores: u64,
    pub(in crate::messages::sim) entries: u64,
    pub(in crate::messages::sim) arrived: u64,
    pub(in crate::messages::sim) refused: u64,
}

impl Totals {
    pub(in crate::messages::sim) fn add(&mut self, other: &Self) {
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

    pub(in crate::messages::sim) fn must_have_seen_everything(&self, runs: u64) {
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
