//! How far what one wrote has come, for who watches a conversation.

use cooee_sdk::Mark;

/// How far the last own message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// A device of everybody has it.
    Delivered,
    /// Everybody has read it.
    Read,
}

/// Tells of each own message once that it has arrived everywhere, and once that all have read it.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    /// The last own message.
    own: u64,
    delivered: u64,
    read: u64,
    told: Option<Reach>,
}

impl Receipts {
    /// An own message is at this place.
    pub(crate) fn wrote(&mut self, sequence: u64) {
        if sequence > self.own {
            self.own = sequence;
            self.told = None;
        }
    }

    /// The place of the last own message.
    pub(crate) fn own(&self) -> u64 {
        self.own
    }

    /// How far the others have come, of whom there are so many.
    pub(crate) fn marked(&mut self, others: &[&Mark], count: usize) {
        // Who has no mark has nothing.
        let all = |place: fn(&Mark) -> u64| {
            let least = others.iter().map(|mark| place(mark)).min();
            least.filter(|_| others.len() >= count).unwrap_or(0)
        };
        self.delivered = self.delivered.max(all(|mark| mark.delivered));
        self.read = self.read.max(all(|mark| mark.read));
    }

    /// What is to be told now, if anything.
    pub(crate) fn news(&mut self) -> Option<Reach> {
        let reach = match self.own {
            0 => None,
            own if self.read >= own => Some(Reach::Read),
            own if self.delivered >= own => Some(Reach::Delivered),
            _ => None,
        };
        if reach <= self.told {
            return None;
        }
        self.told = reach;
        reach
    }
}

#[cfg(test)]
mod tests {
    use super::{Mark, Reach, Receipts};

    fn mark(who: &str, delivered: u64, read: u64) -> Result<Mark, Box<dyn std::error::Error>> {
        Ok(Mark {
            who: who.parse()?,
            delivered,
            read,
        })
    }

    #[test]
    fn each_message_is_told_once_to_have_arrived_and_once_to_be_read()
    -> Result<(), Box<dyn std::error::Error>> {
        let mut receipts = Receipts::default();
        receipts.marked(&[&mark("bob", 3, 3)?], 1);
        assert_eq!(receipts.news(), None);
        receipts.wrote(4);
        assert_eq!(receipts.news(), None);
        receipts.marked(&[&mark("bob", 4, 3)?], 1);
        assert_eq!(receipts.news(), Some(Reach::Delivered));
        assert_eq!(receipts.news(), None);
        receipts.marked(&[&mark("bob", 4, 4)?], 1);
        assert_eq!(receipts.news(), Some(Reach::Read));
        assert_eq!(receipts.news(), None);
        // Read at once, and by way of a mark that came before the own message was known.
        receipts.marked(&[&mark("bob", 6, 6)?], 1);
        receipts.wrote(6);
        assert_eq!(receipts.news(), Some(Reach::Read));
        Ok(())
    }

    #[test]
    fn in_a_group_the_slowest_counts() -> Result<(), Box<dyn std::error::Error>> {
        let mut receipts = Receipts::default();
        receipts.wrote(1);
        receipts.marked(&[&mark("bob", 1, 1)?], 2);
        assert_eq!(receipts.news(), None);
        receipts.marked(&[&mark("bob", 1, 1)?, &mark("carol", 1, 0)?], 2);
        assert_eq!(receipts.news(), Some(Reach::Delivered));
        Ok(())
    }
}
