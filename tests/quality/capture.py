"""Captured packets: which of them are voice, and whether any could be read on the way.

Opus does not hide what it is: the first octet of each packet (the TOC, RFC 6716 section 3.1) is
the same for a whole call. In a sealed payload no octet may stand out like that, at no position.
"""

import collections
import shutil
import struct
import subprocess

PAYLOAD_TYPE = 111


class Capture:
    """tcpdump on the loopback interface, into a file."""

    def __init__(self, path):
        self.path = path
        self.process = subprocess.Popen(
            ["tcpdump", "-i", "lo", "-U", "-s", "0", "-B", "65536", "-w", path, "udp"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        line = self.process.stderr.readline().decode()
        while line and "listening on" not in line:
            line = self.process.stderr.readline().decode()
        if not line:
            raise RuntimeError("tcpdump cannot capture on the loopback interface")

    @staticmethod
    def why_not():
        """Why nothing can be captured here, or nothing."""
        if not shutil.which("tcpdump"):
            return "tcpdump is not installed"
        probe = subprocess.run(["timeout", "1", "tcpdump", "-i", "lo", "-w", "/dev/null", "udp"],
                               capture_output=True, stdin=subprocess.DEVNULL)
        if b"listening on" not in probe.stderr:
            return f"tcpdump may not capture here: {probe.stderr.decode().strip()}"
        return None

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def datagrams(path):
    """The UDP payloads of a capture of an Ethernet-like or raw loopback interface."""
    with open(path, "rb") as file:
        header = file.read(24)
        order = "<" if header[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        link = struct.unpack(order + "I", header[20:24])[0]
        skip = {1: 14, 101: 0, 113: 16}[link]
        while len(record := file.read(16)) == 16:
            length = struct.unpack(order + "IIII", record)[2]
            packet = file.read(length)[skip:]
            version = packet[0] >> 4
            start = (packet[0] & 15) * 4 if version == 4 else 40
            source, target = struct.unpack(">HH", packet[start:start + 4])
            yield source, target, packet[start + 8:]


def voice_bodies(path):
    """For each direction, the RTP payloads of our payload type, behind the SFrame header."""
    bodies = collections.defaultdict(list)
    for source, target, payload in datagrams(path):
        if len(payload) < 12 or payload[0] >> 6 != 2 or payload[1] & 0x7F != PAYLOAD_TYPE:
            continue
        start = 12 + 4 * (payload[0] & 15)
        bodies[source, target].append(payload[start:])
    return bodies


def sframe_header(body):
    """Its length (RFC 9605, section 4.3)."""
    config = body[0]
    # RFC 9605: X bit, 3 bits of key id or its length, Y bit, 3 bits of counter or its length.
    key = ((config >> 4) & 7) + 1 if config & 0x80 else 0
    counter = (config & 7) + 1 if config & 0x08 else 0
    return 1 + key + counter


def readable(bodies):
    """The position at which an octet stands out, its share and its value; nothing if none does."""
    worst = (0.0, None, None)
    for position in range(min(map(len, bodies))):
        value, count = collections.Counter(body[position] for body in bodies).most_common(1)[0]
        worst = max(worst, (count / len(bodies), position, value))
    return worst


def check_sealed(path, least):
    """Checks every direction with voice; a sentence for each. Raises where anything can be read."""
    sentences = []
    for (source, target), bodies in sorted(voice_bodies(path).items()):
        if len(bodies) < least:
            continue
        sealed = [body[sframe_header(body):] for body in bodies]
        # The check has to see a TOC if there is one.
        if readable([b"\x48" + body for body in sealed])[:2] != (1.0, 0):
            raise AssertionError("an Opus TOC would not be noticed")
        share, position, value = readable(sealed)
        if share > 0.05:
            raise AssertionError(f"{source}->{target}: octet {value} stands at position {position} "
                                 f"of {share:.0%} of the payloads: that is no ciphertext")
        sentences.append(f"{len(bodies)} voice packets from port {source} to {target}, none in "
                         f"the clear (most frequent octet at any position: {share:.1%})")
    if len(sentences) < 2:
        raise AssertionError(f"voice was captured in {len(sentences)} directions, not in both")
    return sentences
