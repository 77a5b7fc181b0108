//! The sliding window that tells a counter seen before from a new one.

/// Width of the window in packets: 41 s of 20 ms frames.
const WIDTH: u64 = 2048;
const WORDS: usize = (WIDTH / 64) as usize;

/// Which of the last [`WIDTH`] counters have been seen (the scheme of RFC 6479).
///
/// Checking and recording are apart because a counter counts as seen only once its packet has
/// proved authentic.
#[derive(Debug)]
pub(crate) struct ReplayWindow {
    /// One more than the highest counter recorded; 0 before the first.
    end: u64,
    /// Bit `c % WIDTH` is set when counter `c` of the window has been recorded.
    seen: [u64; WORDS],
}

impl ReplayWindow {
    pub(crate) fn new() -> Self {
        Self {
            end: 0,
            seen: [0; WORDS],
        }
    }

    /// Whether a packet with this counter was recorded, or is too old to tell.
    pub(crate) fn is_replay(&self, counter: u64) -> bool {
        if counter >= self.end {
            return false;
        }
        if self.end - counter > WIDTH {
            return true;
        }
        let (word, bit) = Self::place(counter);
        self.seen.get(word).is_none_or(|seen| seen & bit != 0)
    }

    /// Records the counter of an authentic packet.
    pub(crate) fn record(&mut self, counter: u64) {
        if counter >= self.end {
            let new_end = counter.saturating_add(1);
            if new_end - self.end >= WIDTH {
                self.seen = [0; WORDS];
            } else {
                for skipped in self.end..new_end {
                    let (word, bit) = Self::place(skipped);
                    if let Some(seen) = self.seen.get_mut(word) {
                        *seen &= !bit;
                    }
                }
            }
            self.end = new_end;
        }
        let (word, bit) = Self::place(counter);
        if let Some(seen) = self.seen.get_mut(word) {
            *seen |= bit;
        }
    }

    fn place(counter: u64) -> (usize, u64) {
        let slot = counter % WIDTH;
        ((slot / 64) as usize, 1 << (slot % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::{ReplayWindow, WIDTH};

    #[test]
    fn each_counter_passes_once() {
        let mut window = ReplayWindow::new();
        for counter in [0, 1, 5, 3, 2, 4, WIDTH, WIDTH + 7, WIDTH + 3] {
            assert!(!window.is_replay(counter), "{counter} is new");
            window.record(counter);
            assert!(window.is_replay(counter), "{counter} is old");
        }
    }

    #[test]
    fn what_left_the_window_is_refused() {
        let mut window = ReplayWindow::new();
        window.record(10_000);
        assert!(window.is_replay(10_000 - WIDTH));
        assert!(!window.is_replay(10_001 - WIDTH));
        window.record(10_001 - WIDTH);
        window.record(10_001);
        assert!(window.is_replay(10_001 - WIDTH));
        assert!(!window.is_replay(10_002 - WIDTH));
    }

    #[test]
    fn a_jump_clears_what_it_skips() {
        let mut window = ReplayWindow::new();
        for counter in 0..WIDTH {
            window.record(counter);
        }
        window.record(2 * WIDTH - 1);
        for counter in WIDTH..2 * WIDTH - 1 {
            assert!(!window.is_replay(counter));
        }
        window.record(u64::MAX);
        assert!(window.is_replay(2 * WIDTH - 1));
        assert!(!window.is_replay(u64::MAX - 1));
    }
}
