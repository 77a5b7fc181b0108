"""The lab's link, which knows voice packets: it draws for them alone, and counts them.

The n-th voice packet of a direction meets the same fate in every run with the same seed, whoever
sends it and whatever else is on the cable. Further impairments: `burst_ms`, how long each loss
lasts exactly, measured in the packets' own timestamps; `seed`, which starts draws and counts anew.
"""

import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))
import shaper  # noqa: E402

# Opus counts time in this (RFC 7587), whatever it samples at.
TICKS_PER_MS = 48
FRAME_TICKS = 20 * TICKS_PER_MS
ETHERNET, IPV4, UDP, RTP = 14, 0x0800, 17, 12


def voice_of(frame):
    """Timestamp, octets of the IP packet and of the RTP payload; nothing if it is no voice."""
    if int.from_bytes(frame[12:14], "big") != IPV4 or len(frame) < ETHERNET + 20 + 8 + RTP:
        return None
    start = ETHERNET + (frame[ETHERNET] & 15) * 4
    if frame[ETHERNET + 9] != UDP or len(frame) < start + 8 + RTP:
        return None
    rtp = frame[start + 8:]
    # Dynamic payload types alone: neither STUN, nor RTCP (RFC 5761).
    if rtp[0] >> 6 != 2 or not 96 <= rtp[1] & 0x7F:
        return None
    header = RTP + 4 * (rtp[0] & 15)
    if rtp[0] & 0x10 and len(rtp) >= header + 4:
        header += 4 + 4 * int.from_bytes(rtp[header + 2:header + 4], "big")
    length = int.from_bytes(frame[ETHERNET + 2:ETHERNET + 4], "big")
    payload = length - (start - ETHERNET) - 8 - header
    return int.from_bytes(rtp[4:8], "big"), length, max(0, payload)


class VoiceDirection(shaper.Direction):
    """From one device to the other, voice and the rest each with draws of their own."""

    def set(self, impairments):
        impairments = dict(impairments)
        self.burst_ms = float(impairments.pop("burst_ms", 0.0))
        seed = impairments.pop("seed", None)
        super().set(impairments)
        if seed is not None:
            self.begin(seed)

    def begin(self, seed):
        self.of_voice, self.of_others = random.Random(f"{seed}:voice"), random.Random(f"{seed}:others")
        self.voice = self.burst_from = self.last_stamp = self.first_at = None
        self.step = FRAME_TICKS
        self.counts.update({name: -self.counts[name] for name in self.counts})
        self.counts.update(voice=0, voice_lost=0, voice_octets=0, payload_octets=0, voice_seconds=0.0)

    def due(self, now, frame):
        if self.first_at is None:
            self.first_at = now
        self.voice = voice_of(frame)
        self.random = self.of_voice if self.voice else self.of_others
        due = super().due(now, frame)
        if self.voice:
            self.count(now, due is None)
        return due

    def count(self, now, lost):
        """What was offered to the link, lost or not."""
        _, octets, payload = self.voice
        if not self.counts["voice"]:
            self.first_at = now
        self.counts["voice"] += 1
        self.counts["voice_lost"] += lost
        self.counts["voice_octets"] += octets
        self.counts["payload_octets"] += payload
        self.counts["voice_seconds"] = now - self.first_at

    def is_lost(self):
        draw = self.random.random()
        if not self.voice or not self.burst_ms:
            return draw < self.loss
        stamp, span = self.voice[0], self.burst_ms * TICKS_PER_MS
        if self.last_stamp is not None and 0 < (stamp - self.last_stamp) & 0xFFFFFFFF <= 6 * FRAME_TICKS:
            self.step = (stamp - self.last_stamp) & 0xFFFFFFFF
        self.last_stamp = stamp
        if self.burst_from is not None and (stamp - self.burst_from) & 0xFFFFFFFF < span:
            return True
        # So many packets go with each burst; then this chance of one beginning makes the share.
        packets = span / self.step
        if draw < self.loss / (packets * (1.0 - self.loss) + self.loss):
            self.burst_from = stamp
            return True
        return False


class VoiceShaper(shaper.Shaper):
    """The lab's shaper over such directions."""

    def __init__(self, near, far, control, seed):
        super().__init__(near, far, control, seed)
        self.directions = {"up": VoiceDirection(self.far, 0), "down": VoiceDirection(self.near, 0)}
        for name, direction in self.directions.items():
            direction.begin(f"{seed}:{name}")
        self.by_device = {self.near: self.directions["up"], self.far: self.directions["down"]}


if __name__ == "__main__":
    shaper.main(VoiceShaper)
