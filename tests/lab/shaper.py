"""The userspace link: joins two TAP devices with delay, jitter, loss, reordering and a bandwidth.

Runs inside the namespace of the devices, as a process of its own, and is told what to do over a
unix socket: one JSON object a line, with a direction and impairments, answered by a line with the
counts of that moment. Decisions are drawn from a seed, one sequence for each direction.
"""

import argparse
import collections
import fcntl
import gc
import heapq
import json
import os
import random
import select
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
FRAME = 2048
# Frames taken in one go, so that one direction cannot starve the other.
BATCH = 32
# Flows whose order is known; more than that start over.
FLOWS = 4096
ARP = 0x0806
IPV6 = 0x86DD
ICMPV6 = 58

DEFAULTS = {
    "delay_ms": 0.0,    # one way
    "jitter_ms": 0.0,   # the delay is spread evenly over +- this; within a flow frames stay in order
    "loss": 0.0,        # share of frames
    "burst": 1.0,       # mean number of frames lost in a row (Gilbert's model above 1)
    "reorder": 0.0,     # share of frames that are held back, so that later ones overtake them
    "reorder_ms": 30.0,  # for how long
    "rate_kbit": 0.0,   # bandwidth with Ethernet headers; 0 for no limit
    "queue_ms": 200.0,  # what waits for the bandwidth longer than this is dropped
    "cut": False,       # nothing passes, not even ARP
}


class Direction:
    """From one device to the other."""

    def __init__(self, out, seed):
        self.out = out
        self.random = random.Random(seed)
        self.counts = collections.Counter(passed=0, lost=0, overflowed=0, refused=0)
        self.losing = False
        self.free_at = 0.0
        self.last_due = {}
        self.set({})

    def set(self, impairments):
        unknown = impairments.keys() - DEFAULTS.keys()
        if unknown:
            raise ValueError(f"no such impairment: {', '.join(sorted(unknown))}")
        for name, default in DEFAULTS.items():
            setattr(self, name, type(default)(impairments.get(name, default)))

    def is_lost(self):
        draw = self.random.random()
        if self.loss <= 0.0:
            return False
        if self.burst <= 1.0 or self.loss >= 1.0:
            return draw < self.loss
        if self.losing:
            self.losing = draw >= 1.0 / self.burst
        else:
            self.losing = draw < self.loss / (self.burst * (1.0 - self.loss))
        return self.losing

    def due(self, now, frame):
        """When the frame goes out; nothing if it never does."""
        if self.cut:
            self.counts["lost"] += 1
            return None
        # Neighbour discovery belongs to the cable of the lab, not to the path that it stands for.
        if is_neighbour_discovery(frame):
            return now
        # Always the same draws for a frame, whatever is set at the time.
        lost, spread, held = self.is_lost(), self.random.uniform(-1, 1), self.random.random()
        if lost:
            self.counts["lost"] += 1
            return None
        sent = now
        if self.rate_kbit > 0.0:
            start = max(now, self.free_at)
            if (start - now) * 1000 > self.queue_ms:
                self.counts["overflowed"] += 1
                return None
            sent = self.free_at = start + len(frame) * 8 / (self.rate_kbit * 1000)
        due = sent + max(0.0, self.delay_ms + self.jitter_ms * spread) / 1000
        if held < self.reorder:
            return due + self.reorder_ms / 1000
        flow = flow_of(frame)
        if len(self.last_due) >= FLOWS:
            self.last_due.clear()
        self.last_due[flow] = due = max(due, self.last_due.get(flow, 0.0))
        return due

    def send(self, frame):
        try:
            os.write(self.out, frame)
            self.counts["passed"] += 1
        except OSError:
            # No room, or the device is down: a wire would lose it, too.
            self.counts["refused"] += 1


def is_neighbour_discovery(frame):
    kind = int.from_bytes(frame[12:14], "big")
    if kind == IPV6:
        return len(frame) > 54 and frame[20] == ICMPV6 and 133 <= frame[54] <= 137
    return kind == ARP


def flow_of(frame):
    """Addresses and ports, as octets, where they are without options and extension headers."""
    return frame[22:58] if int.from_bytes(frame[12:14], "big") == IPV6 else frame[26:38]


def tap(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return device


class Shaper:
    """Both directions, what is on its way, and the control socket."""

    def __init__(self, near, far, control, seed):
        self.near, self.far = tap(near), tap(far)
        self.directions = {"up": Direction(self.far, f"{seed}:up"),
                           "down": Direction(self.near, f"{seed}:down")}
        self.by_device = {self.near: self.directions["up"], self.far: self.directions["down"]}
        self.on_the_way = []
        self.order = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(control)
        self.listener.listen(8)
        self.talks = {}

    def run(self):
        # select, and not poll: its timeout has microseconds where poll's has milliseconds.
        while True:
            wait = self.deliver()
            sources = [self.near, self.far, self.listener, *self.talks]
            readable, _, _ = select.select(sources, [], [], wait)
            for source in readable:
                if source in self.by_device:
                    self.take(source)
                elif source is self.listener:
                    self.talks[self.listener.accept()[0]] = b""
                else:
                    self.talk(source)

    def deliver(self):
        """Sends what is due; seconds until the next, nothing if there is none."""
        while self.on_the_way:
            wait = self.on_the_way[0][0] - time.monotonic()
            if wait > 0:
                return wait
            _, _, direction, frame = heapq.heappop(self.on_the_way)
            direction.send(frame)
        return None

    def take(self, device):
        direction = self.by_device[device]
        for _ in range(BATCH):
            try:
                frame = os.read(device, FRAME)
            except BlockingIOError:
                return
            now = time.monotonic()
            due = direction.due(now, frame)
            if due is None:
                continue
            if due <= now and not self.on_the_way:
                direction.send(frame)
                continue
            self.order += 1
            heapq.heappush(self.on_the_way, (due, self.order, direction, frame))

    def talk(self, peer):
        try:
            told = peer.recv(4096)
        except ConnectionError:
            told = b""
        if not told:
            del self.talks[peer]
            peer.close()
            return
        *lines, self.talks[peer] = (self.talks[peer] + told).split(b"\n")
        for line in lines:
            try:
                answer = self.obey(json.loads(line))
            except (ValueError, TypeError) as error:
                answer = {"error": str(error)}
            peer.sendall(json.dumps(answer).encode() + b"\n")

    def obey(self, order):
        for name in order.get("directions", []):
            self.directions[name].set(order["impairments"])
        return {name: direction.counts for name, direction in self.directions.items()}


def main(kind=Shaper):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--near", required=True, help="TAP device on the side of the client")
    parser.add_argument("--far", required=True, help="TAP device on the side of the internet")
    parser.add_argument("--control", required=True, help="path of the unix socket")
    parser.add_argument("--seed", required=True)
    options = parser.parse_args()
    shaper = kind(options.near, options.far, options.control, options.seed)
    try:
        # Other processes must not add jitter of their own.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(25))
    except OSError:
        os.nice(-10)
    gc.disable()
    print("ready", flush=True)
    try:
        shaper.run()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
