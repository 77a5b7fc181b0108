//! Copies of earlier packets inside later ones, where any Opus decoder skips them.
//!
//! A lost packet is best replaced by itself. So while packets are lost, each carries the frame of
//! an earlier one once more, as far back as losses reach in a row, and where many are lost that of
//! one twice as far back as well. The copies stand in the padding
//! of the Opus packet (RFC 6716, section 3.2.5), which decoders ignore, as an extension of the
//! format that libopus gives its own (`draft-ietf-mlcodec-opus-extension`):
//!
//! ```text
//!   | TOC, code 3 | one frame, padded | padding length | frame | 0x01 ... | 125 | 0xC0 + back | copy | ...
//! ```
//!
//! The octets `0x01` fill up to the constant size. `back` says how many packets earlier the frame
//! was sent; its TOC is the one of the packet that carries it. A receiver that knows nothing of
//! this plays the packet as if there were no copy.

/// The extension's number, one of those for experiments.
const EXTENSION: u8 = 125;

/// Upper half of a copy's first octet.
const MARK: u8 = 0xC0;

/// One octet of padding that stands for itself.
const FILL: u8 = 0x01;

/// How many packets back a copy can be from.
pub const MAX_BACK: u8 = 15;

/// How many copies a packet can carry.
pub const MAX_COPIES: usize = 2;

/// What a packet grows by with a copy, beside the copied frame: the frame count, the length of the
/// padding, and two octets before the copy. Longer paddings need an octet more.
pub const COPY_OVERHEAD: usize = 4;

/// What a packet grows by with a further copy, beside the copied frame: its own two octets, and the
/// length of the one before it.
pub const FURTHER_COPY_OVERHEAD: usize = 3;

/// The parts of an Opus packet with one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinglePacket<'a> {
    toc: u8,
    frame: &'a [u8],
    padding: &'a [u8],
}

/// An earlier packet's frame found in a later packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlierFrame<'a> {
    /// How many packets before its carrier it was sent: 1 to [`MAX_BACK`].
    pub packets_back: u8,
    toc: u8,
    frame: &'a [u8],
}

impl EarlierFrame<'_> {
    /// The frame as a packet of its own.
    pub fn to_packet(&self) -> Vec<u8> {
        let mut packet = Vec::with_capacity(1 + self.frame.len());
        packet.push(self.toc & !3);
        packet.extend_from_slice(self.frame);
        packet
    }
}

impl<'a> SinglePacket<'a> {
    /// Reads a packet (RFC 6716, section 3.2). Pure and total; `None` for one that is malformed or
    /// holds any number of frames but one.
    pub fn parse(packet: &'a [u8]) -> Option<Self> {
        let (&toc, rest) = packet.split_first()?;
        let (frame, padding) = match toc & 3 {
            0 => (rest, &[][..]),
            3 => {
                let (&count, mut rest) = rest.split_first()?;
                if count & 0x3f != 1 {
                    return None;
                }
                let mut padded = 0_usize;
                if count & 0x40 != 0 {
                    loop {
                        let (&length, behind) = rest.split_first()?;
                        rest = behind;
                        padded += usize::from(length.min(254));
                        if length != 255 {
                            break;
                        }
                    }
                }
                rest.split_at_checked(rest.len().checked_sub(padded)?)?
            }
            _ => return None,
        };
        Some(Self {
            toc,
            frame,
            padding,
        })
    }

    /// The only frame.
    pub fn frame(&self) -> &'a [u8] {
        self.frame
    }

    /// Whether `other` is of the same mode, bandwidth, frame length and number of channels, so that
    /// it can carry this one's frame.
    pub fn is_like(&self, other: &Self) -> bool {
        self.toc & !3 == other.toc & !3
    }

    /// The copies in the padding, [`MAX_COPIES`] at most.
    pub fn earlier(&self) -> impl Iterator<Item = EarlierFrame<'a>> + use<'a> {
        let toc = self.toc;
        extensions(self.padding)
            .filter(|(id, _)| *id == EXTENSION)
            .filter_map(move |(_, content)| {
                let (&first, frame) = content.split_first()?;
                let packets_back = first & 0x0f;
                (first & 0xf0 == MARK && packets_back > 0).then_some(EarlierFrame {
                    packets_back,
                    toc,
                    frame,
                })
            })
            .take(MAX_COPIES)
    }

    /// Whether the padding holds an extension of this number.
    pub fn has_extension(&self, number: u8) -> bool {
        extensions(self.padding).any(|(id, _)| id == number)
    }

    /// Writes the packet with copies, each with how many packets back it is from, filled up to
    /// `size` octets; longer where that does not suffice. The packet's own extensions stay.
    pub fn write_with(&self, copies: &[(u8, &[u8])], size: usize, packet: &mut Vec<u8>) {
        let own = self.own_extensions();
        // The last extension needs no length.
        let is_last = |index: usize| own.is_empty() && index + 1 == copies.len();
        let copied: usize = copies
            .iter()
            .enumerate()
            .map(|(index, (_, frame))| {
                let length = 1 + frame.len();
                let lacing = if is_last(index) { 0 } else { length / 255 + 1 };
                1 + lacing + length
            })
            .sum();
        let content = 2 + self.frame.len() + copied + own.len();
        // With more padding its length may need an octet more.
        let octets = |padding: usize| padding / 254 + 1;
        let mut fill = size.saturating_sub(content + 1);
        while fill > 0 && content + fill + octets(fill + copied + own.len()) > size {
            fill -= 1;
        }
        let padding = fill + copied + own.len();

        packet.clear();
        packet.push(self.toc | 3);
        packet.push(0x41);
        packet.extend(std::iter::repeat_n(255, padding / 254));
        packet.push((padding % 254) as u8);
        packet.extend_from_slice(self.frame);
        packet.extend(std::iter::repeat_n(FILL, fill));
        for (index, (back, frame)) in copies.iter().enumerate() {
            packet.push(EXTENSION << 1 | u8::from(!is_last(index)));
            if !is_last(index) {
                let length = 1 + frame.len();
                packet.extend(std::iter::repeat_n(255, length / 255));
                packet.push((length % 255) as u8);
            }
            packet.push(MARK | (*back).clamp(1, MAX_BACK));
            packet.extend_from_slice(frame);
        }
        packet.extend_from_slice(own);
    }

    /// Writes the packet without its padding.
    pub fn write_alone(&self, packet: &mut Vec<u8>) {
        packet.clear();
        packet.push(self.toc & !3);
        packet.extend_from_slice(self.frame);
    }

    /// The padding without what only fills it.
    fn own_extensions(&self) -> &'a [u8] {
        let filled = self.padding.iter().take_while(|octet| **octet == FILL);
        let own = self.padding.get(filled.count()..).unwrap_or_default();
        match own.first() {
            // From here on all is padding.
            Some(0) => &[],
            Some(_) | None => own,
        }
    }
}

/// The extensions in a padding, numbers and contents, up to the first that repeats others.
fn extensions<'a>(padding: &'a [u8]) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
    let mut rest = padding;
    std::iter::from_fn(move || {
        loop {
            let (&first, behind) = rest.split_first()?;
            let (id, long) = (first >> 1, first & 1);
            let length = match (id, long) {
                (0, 1) | (1, 0) => 0,
                (0, _) | (2, _) => return None,
                (1, _) => 1,
                (3..32, _) => usize::from(long),
                (_, 0) => behind.len(),
                (_, _) => {
                    let mut length = 0_usize;
                    let mut lacing = behind.iter();
                    loop {
                        let octet = *lacing.next()?;
                        length += usize::from(octet);
                        if octet != 255 {
                            break;
                        }
                    }
                    let (content, after) = lacing.as_slice().split_at_checked(length)?;
                    rest = after;
                    return Some((id, content));
                }
            };
            let (content, after) = behind.split_at_checked(length)?;
            rest = after;
            if id > 2 {
                return Some((id, content));
            }
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::{COPY_OVERHEAD, FURTHER_COPY_OVERHEAD, MAX_COPIES, SinglePacket};

    #[test]
    fn a_copy_comes_out_as_it_went_in() {
        let own = SinglePacket::parse(&[0x48, 1, 2, 3]).unwrap();
        let mut packet = Vec::new();
        own.write_with(&[(4, &[9, 8, 7])], 40, &mut packet);
        assert_eq!(packet.len(), 40);
        let read = SinglePacket::parse(&packet).unwrap();
        assert_eq!(read.frame(), [1, 2, 3]);
        let copy = read.earlier().next().unwrap();
        assert_eq!(copy.packets_back, 4);
        assert_eq!(copy.to_packet(), [0x48, 9, 8, 7]);
    }

    #[test]
    fn two_copies_come_out_and_a_third_is_left_alone() {
        let own = SinglePacket::parse(&[0x48, 1, 2, 3]).unwrap();
        let mut packet = Vec::new();
        own.write_with(&[(2, &[9, 8]), (4, &[7])], 0, &mut packet);
        let overhead = COPY_OVERHEAD + FURTHER_COPY_OVERHEAD;
        assert_eq!(packet.len(), 4 + 2 + 1 + overhead);
        let copies = |packet: &[u8]| -> Vec<_> {
            let read = SinglePacket::parse(packet).unwrap();
            let copies = read.earlier();
            copies
                .map(|copy| (copy.packets_back, copy.to_packet()))
                .collect()
        };
        let both = vec![(2, vec![0x48, 9, 8]), (4, vec![0x48, 7])];
        assert_eq!(copies(&packet), both);
        own.write_with(&[(2, &[9, 8]), (4, &[7]), (6, &[5])], 0, &mut packet);
        assert_eq!(copies(&packet), both);
    }

    #[test]
    fn a_copy_costs_four_octets_beside_itself() {
        let own = SinglePacket::parse(&[0x48, 1, 2, 3]).unwrap();
        let mut packet = Vec::new();
        own.write_with(&[(1, &[9, 8, 7])], 0, &mut packet);
        assert_eq!(packet.len(), 4 + 3 + COPY_OVERHEAD);
        assert_eq!(SinglePacket::parse(&packet).unwrap().earlier().count(), 1);
    }

    #[test]
    fn several_frames_are_left_alone() {
        for packet in [
            &[][..],
            &[0x49, 1, 2],
            &[0x4b, 0x42, 0],
            &[0x4b, 0x41, 9, 1],
        ] {
            assert_eq!(SinglePacket::parse(packet), None, "{packet:?}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_survived(packet in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Some(read) = SinglePacket::parse(&packet) {
                prop_assert!(read.frame().len() < packet.len());
                prop_assert!(read.earlier().count() <= MAX_COPIES);
                for copy in read.earlier() {
                    prop_assert!(copy.to_packet().len() <= packet.len());
                }
                read.has_extension(126);
            }
        }

        #[test]
        fn any_sizes_fit_together(
            frame in 0..400usize,
            copied in proptest::collection::vec(0..700usize, 1..=MAX_COPIES),
            other in proptest::option::of(1..300usize),
            size in 0..1_300usize,
            back in 1..=14u8,
        ) {
            let frame = vec![0x77; frame];
            let copied: Vec<_> = copied.iter().map(|length| vec![0x33; *length]).collect();
            let copies: Vec<_> = (back..).zip(copied.iter().map(Vec::as_slice)).collect();
            let mut packet = vec![0x48];
            packet.extend(&frame);
            if let Some(other) = other {
                // Another extension that extends to the end, as DRED does.
                let padding = other + 1;
                packet[0] |= 3;
                packet.insert(1, 0x41);
                for _ in 0..padding / 254 {
                    packet.insert(2, 255);
                }
                packet.insert(2 + padding / 254, (padding % 254) as u8);
                packet.push(126 << 1);
                packet.extend(vec![0x55; other]);
            }
            let own = SinglePacket::parse(&packet).unwrap();
            prop_assert_eq!(own.frame(), &frame[..]);
            let mut written = Vec::new();
            own.write_with(&copies, size, &mut written);
            let read = SinglePacket::parse(&written).unwrap();
            prop_assert_eq!(read.frame(), &frame[..]);
            let found: Vec<_> = read
                .earlier()
                .map(|copy| (copy.packets_back, copy.to_packet().split_off(1)))
                .collect();
            let expected: Vec<_> = (back..).zip(copied.iter().cloned()).collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(read.has_extension(126), other.is_some());
            let mut least = Vec::new();
            own.write_with(&copies, 0, &mut least);
            // One octet of padding more can cost two.
            prop_assert!(written.len() <= size.max(least.len()));
            prop_assert!(written.len() + 1 >= size.max(least.len()));
        }
    }
}
