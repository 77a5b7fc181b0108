"""Messages between pairs and into a group, through Cooee's server and through prosody.

One process drives both in the same way: it writes messages, and looks for their numbers in what
arrives. So what it costs to be the client is the same for both, and small.
"""

import argparse
import selectors
import statistics
import sys
import tempfile
import time

from peers import Cooee, Prosody, processor_seconds

# Messages that each sender has on their way.
WINDOW = 20


class Traffic:
    """Clients of one server, and what arrives at them."""

    def __init__(self, server, receivers):
        self.server = server
        self.selector = selectors.DefaultSelector()
        for line in receivers:
            line.socket.setblocking(False)
            line.read = b""
            self.selector.register(line.socket, selectors.EVENT_READ, line)

    def arrivals(self, timeout):
        """What has arrived: (line, numbers) for each client that got something."""
        for key, _ in self.selector.select(timeout):
            line = key.data
            try:
                piece = line.socket.recv(1 << 18)
            except BlockingIOError:
                continue
            if not piece:
                raise SystemExit(f"{self.server.name} closed {line.name}'s connection")
            line.read += piece
            numbers, end = [], 0
            for found in self.server.arrived.finditer(line.read):
                numbers.append(int(found[1]))
                end = found.end()
            # The rest may hold the beginning of a number.
            line.read = line.read[max(end, len(line.read) - 64):]
            yield line, numbers

    def write(self, line, data):
        """Writes all of it; who is measured reads, so this does not wait long."""
        while data:
            try:
                data = data[line.socket.send(data):]
            except BlockingIOError:
                time.sleep(0.0001)

    def drain(self, quiet=0.3):
        last = time.monotonic()
        while time.monotonic() - last < quiet:
            for _ in self.arrivals(0.05):
                last = time.monotonic()

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


def used(server):
    return sum(processor_seconds(pid) for pid in server.pids)


def throughput(server, traffic, routes, fan_out, seconds):
    """Deliveries a second, and the server's processor time for a thousand of them.

    `routes` maps a sender to (target, receivers); each sender keeps a window on its way.
    """
    owner = {id(line): sender for sender, (_, lines) in routes.items() for line in lines}
    sent = dict.fromkeys(routes, 0)
    got = dict.fromkeys(routes, 0)

    def fill(sender):
        target, _ = routes[sender]
        room = WINDOW - (sent[sender] - got[sender] // fan_out)
        if room >= WINDOW // 4:
            frames = [server.message(target, sent[sender] + extra) for extra in range(room)]
            sent[sender] += room
            traffic.write(sender, b"".join(frames))

    for sender in routes:
        fill(sender)
    # The first second warms up.
    begin, counted, before = time.monotonic() + 1, 0, None
    while (now := time.monotonic()) < begin + seconds:
        if before is None and now >= begin:
            before = used(server)
        for line, numbers in traffic.arrivals(1):
            sender = owner.get(id(line))
            if sender is None:
                continue
            got[sender] += len(numbers)
            if before is not None:
                counted += len(numbers)
            fill(sender)
    took = time.monotonic() - begin
    cost = used(server) - before
    traffic.drain()
    return counted / took, cost / max(counted, 1) * 1_000_000


def latency(server, traffic, sender, target, rate, fan_out, seconds):
    """Milliseconds from writing a message to reading it, at a gentle rate."""
    written, taken = {}, []
    begin = time.monotonic()
    count = int(rate * seconds)
    number = 0
    while len(taken) < count * fan_out:
        due = begin + number / rate
        now = time.monotonic()
        if number < count and now >= due:
            frame = server.message(target, 1_000_000 + number)
            written[1_000_000 + number] = time.monotonic()
            traffic.write(sender, frame)
            number += 1
            continue
        for line, numbers in traffic.arrivals(max(0, min(due - now, 0.5)) if number < count else 0.5):
            at = time.monotonic()
            if line is not sender:
                taken += [at - written[each] for each in numbers if each in written]
        # Who does not keep up shows it in the percentiles; who stands still is given up.
        if now > begin + seconds + 120:
            raise SystemExit(f"{server.name}: {len(taken)} of {count * fan_out} arrived")
    cuts = statistics.quantiles(taken, n=100)
    return [cuts[49] * 1000, cuts[94] * 1000, cuts[98] * 1000]


def measure(server, options):
    pairs = [(server.client(f"from{number}"), server.client(f"to{number}"))
             for number in range(options.pairs)]
    routes = {one: (server.pair(one, other), [other]) for one, other in pairs}
    traffic = Traffic(server, [line for pair in pairs for line in pair])
    one, (target, _) = next(iter(routes.items()))
    quick = latency(server, traffic, one, target, 100, 1, options.seconds)
    direct = throughput(server, traffic, routes, 1, options.seconds)
    traffic.close()
    members = [server.client(f"member{number}") for number in range(options.members)]
    target = server.group(members)
    traffic = Traffic(server, members)
    traffic.drain()
    first, *others = members
    fan_out = len(others)
    spread = latency(server, traffic, first, target, 10, fan_out, options.seconds)
    routes = {first: (target, others)}
    wide = throughput(server, traffic, routes, fan_out, options.seconds)
    traffic.close()
    return direct, quick, wide, spread


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server-binary", required=True)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    print(f"{options.pairs} pairs, {WINDOW} messages of each on their way; a group of "
          f"{options.members}; {options.seconds} s each\n")
    print("| server | between pairs | processor | latency at 100/s | into the group | processor "
          "| latency at 10/s |")
    print("|---|---|---|---|---|---|---|")
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="cooee-messages-") as folder:
            for kind in (None, *Prosody.KINDS):
                server = Cooee(folder, options) if kind is None else Prosody(folder, kind)
                try:
                    direct, quick, wide, spread = measure(server, options)
                finally:
                    server.stop()
                shown = [" / ".join(f"{cut:.1f}" for cut in cuts) for cuts in (quick, spread)]
                print(f"| {server.name} | {direct[0]:,.0f}/s | {direct[1]:.0f} µs each | {shown[0]} ms "
                      f"| {wide[0]:,.0f}/s | {wide[1]:.0f} µs each | {shown[1]} ms |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
