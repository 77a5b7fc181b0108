"""What arrives at somebody's machine, as tcpdump saw it: packets, signalling messages, and whose
addresses are in them."""

import base64
import contextlib
import ipaddress
import json
import re
import signal
import struct
import subprocess
import threading
from dataclasses import dataclass

from namespaces import LabError

COOKIE = bytes([0x21, 0x12, 0xA4, 0x42])
TCP, UDP = 6, 17
ETHERNET_IPV4, ETHERNET_IPV6 = 0x0800, 0x86DD
TEXT_FRAME, BINARY_FRAME = 1, 2


@dataclass(frozen=True)
class Packet:
    """A TCP segment or a UDP datagram. `at` is in seconds since 1970."""

    at: float
    protocol: int
    source: str
    destination: str
    ports: tuple
    sequence: int
    payload: bytes


class Capture:
    """Everything that passes an interface, from now on until `stop`."""

    def __init__(self, namespace, interface, file):
        self.file = file
        # -p: a bridge floods what it cannot place yet; that is for others.
        self.process = namespace.start(
            "tcpdump", "-i", interface, "-p", "-n", "-U", "--immediate-mode", "-s", "0", "-B", "8192",
            "-Z", "root", "-w", file, "tcp or udp", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        line = self.process.stderr.readline()
        while line and b"listening on" not in line:
            line = self.process.stderr.readline()
        if not line:
            raise LabError(f"tcpdump does not start on {interface}")
        self.told = []
        self.reader = threading.Thread(target=lambda: self.told.extend(self.process.stderr), daemon=True)
        self.reader.start()

    def stop(self):
        """Ends it; what was captured, in its order."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.reader.join()
        self.process.stderr.close()
        said = b"".join(self.told).decode()
        dropped = re.search(r"(\d+) packets dropped by kernel", said)
        if dropped is None or int(dropped[1]):
            raise LabError(f"tcpdump has not seen everything: {said.strip()}")
        return list(packets(self.file.read_bytes()))


def packets(octets):
    """The packets of a file of tcpdump's, with the magic number of a little-endian machine."""
    if octets[:4] != b"\xd4\xc3\xb2\xa1" or struct.unpack("<I", octets[20:24])[0] != 1:
        raise LabError("a capture of Ethernet frames was expected")
    place = 24
    while place + 16 <= len(octets):
        seconds, micros, length, _ = struct.unpack("<IIII", octets[place:place + 16])
        place += 16
        packet = parsed(seconds + micros / 1e6, octets[place:place + length])
        if packet:
            yield packet
        place += length


def parsed(at, frame):
    kind, body = struct.unpack("!H", frame[12:14])[0], frame[14:]
    if kind == ETHERNET_IPV4:
        header = (body[0] & 15) * 4
        total = struct.unpack("!H", body[2:4])[0]
        protocol, addresses = body[9], (body[12:16], body[16:20])
        if struct.unpack("!H", body[6:8])[0] & 0x3FFF:
            raise LabError("a fragment, which this capture cannot read")
        # Behind what counts there may be the padding of a short frame. 0: left to the card.
        inner = body[header:total or None]
    elif kind == ETHERNET_IPV6:
        length = struct.unpack("!H", body[4:6])[0]
        protocol, addresses = body[6], (body[8:24], body[24:40])
        inner = body[40:40 + length] if length else body[40:]
    else:
        return None
    source, destination = (str(ipaddress.ip_address(address)) for address in addresses)
    if protocol == UDP:
        return Packet(at, UDP, source, destination, struct.unpack("!HH", inner[:4]), 0, inner[8:])
    if protocol == TCP:
        sequence = struct.unpack("!I", inner[4:8])[0]
        return Packet(at, TCP, source, destination, struct.unpack("!HH", inner[:4]), sequence,
                      inner[(inner[12] >> 4) * 4:])
    return None


def signalling(arrived, port):
    """The frames of the WebSockets that come from this port: (time, opcode, octets)."""
    streams = {}
    for packet in arrived:
        if packet.protocol == TCP and packet.ports[0] == port and packet.payload:
            key = packet.source, packet.destination, packet.ports
            # What is sent again is the same again.
            streams.setdefault(key, {}).setdefault(packet.sequence, packet)
    for stream in streams.values():
        yield from frames(list(stream.values()))


def frames(segments):
    first = segments[0].sequence
    segments.sort(key=lambda packet: (packet.sequence - first) & 0xFFFFFFFF)
    data, times = bytearray(), []
    for packet in segments:
        at = (packet.sequence - first) & 0xFFFFFFFF
        if at > len(data):
            raise LabError("a segment is missing in a captured stream")
        data[at:at + len(packet.payload)] = packet.payload
        times.append((at, packet.at))
    place = data.find(b"\r\n\r\n") + 4
    while place + 2 <= len(data):
        began = place
        opcode, length = data[place] & 15, data[place + 1]
        place += 2
        if length == 126:
            length, place = struct.unpack("!H", data[place:place + 2])[0], place + 2
        elif length == 127:
            length, place = struct.unpack("!Q", data[place:place + 8])[0], place + 8
        at = max(time for start, time in times if start <= began)
        yield at, opcode, bytes(data[place:place + length])
        place += length


@dataclass(frozen=True)
class Sighting:
    """An address of somebody where it can be seen."""

    at: float
    address: str
    where: str


def sightings(arrived, port, addresses):
    """Wherever one of these addresses shows in packets, or in messages from the server's port."""
    found = []
    for packet in arrived:
        kind = "UDP" if packet.protocol == UDP else "TCP"
        if packet.source in addresses:
            found.append(Sighting(packet.at, packet.source, f"the source of a {kind} packet"))
        found += [Sighting(packet.at, address, f"{form} in a {kind} packet")
                  for address in addresses for form in shown(packet.payload, address)]
    for at, opcode, octets in signalling(arrived, port):
        if opcode == TEXT_FRAME:
            message = json.loads(octets)
            # Written again without escapes, and the data of a 504 as what it stands for.
            octets = json.dumps(message, ensure_ascii=False).encode()
            with contextlib.suppress(KeyError, TypeError, ValueError):
                octets += base64.b64decode(message["args"]["data"], validate=True)
        name = f"a message {message['type']}" if opcode == TEXT_FRAME else "a frame of the tunnel"
        found += [Sighting(at, address, f"{form} in {name}")
                  for address in addresses for form in shown(octets, address)]
    return found


def shown(octets, address):
    """The forms in which an address is in these octets: text, octets, and as STUN masks them (RFC
    8489, section 14.2), at whatever depth."""
    ip = ipaddress.ip_address(address)
    forms = []
    for text in {ip.compressed, ip.exploded}:
        pattern = rb"(?<![0-9a-fA-F:.])" + re.escape(text.encode()) + rb"(?![0-9a-fA-F:]|\.[0-9])"
        if re.search(pattern, octets, re.IGNORECASE):
            forms.append("text")
    if ip.packed in octets:
        forms.append("octets")
    masks = {COOKIE}
    if ip.version == 6:
        masks = {octets[at:at + 16] for at in find_all(octets, COOKIE)}
    for mask in masks:
        if len(mask) == len(ip.packed) and bytes(a ^ b for a, b in zip(ip.packed, mask)) in octets:
            forms.append("masked octets")
    return forms


def find_all(octets, part):
    at = octets.find(part)
    while at >= 0:
        yield at
        at = octets.find(part, at + 1)
