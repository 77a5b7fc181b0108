"""Relayed packets for each second of processor time: the built-in relay and coturn, in turns.

A message goes from the client through the relay to an echo and back: two relayed packets when it
comes back. The processor time is the relay's process alone, user and system, over the whole round.
"""

import argparse
import asyncio
import contextlib
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "wire"))

from stage import Stage  # noqa: E402
from wire_client import Server, stun_binding  # noqa: E402

HOST = "127.0.0.1"


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((HOST, 0))
        return udp.getsockname()[1]


def processor_seconds(pid):
    """Time on a processor of all threads, to the nanosecond: that of /proc/PID/stat is in ticks of 10 ms."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/task/{task}/schedstat") as stat:
            total += int(stat.read().split()[0])
    return total / 1e9


def resident_mib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


def start(*command):
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


class Cooee:
    """Our server in a call, with its quotas out of the way."""

    name = "cooee-server"

    def __init__(self, binary):
        self.server = Server(binary, "--relay-allow", "127.0.0.0/8",
                             "--relay-kilobits", "4000000", "--relay-allocations", "1000",
                             "--log", "warn")
        self.pid = self.server.process.pid
        self.port = int(self.server.stun.rsplit(":", 1)[1])
        self.stage = Stage(self.server)
        self.access = None

    async def ready(self):
        alice, bob = await self.stage.friends("alice", "bob")
        ring = await self.stage.ring(alice, bob)
        await bob.told(501)
        await bob.ask(502, 502, pseudo=bob.pseudo, id_group=ring["id_group"])
        relay = (await alice.told(505))["relay"]
        self.access = ("-u", relay["username"], "-w", relay["credential"])

    async def stop(self):
        await self.stage.close()
        self.server.stop()


class Coturn:
    """turnserver as Debian packages it, with the same scheme of credentials."""

    name = "coturn"
    access = ("-u", "bench", "-W", "north")

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="cooee-relay-")
        self.port = free_port()
        inside = pathlib.Path(self.folder.name)
        self.process = start(
            "turnserver", "-n", "--no-cli", "--no-tls", "--no-dtls", "--no-tcp",
            "--allow-loopback-peers", "--use-auth-secret", "--static-auth-secret", "north",
            "--realm", "example.org", "--listening-ip", HOST, "--relay-ip", HOST,
            "--listening-port", str(self.port), "--pidfile", str(inside / "pid"),
            "--userdb", str(inside / "users"), "--log-file", str(inside / "log"))
        self.pid = self.process.pid

    async def ready(self):
        for _ in range(100):
            try:
                stun_binding((HOST, self.port))
                return
            except OSError:
                await asyncio.sleep(0.1)
        raise SystemExit("coturn does not answer")

    async def stop(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def round_of(relay, peer, options):
    """One round: relayed packets, processor seconds, seconds, the share that came back."""
    before, began = processor_seconds(relay.pid), time.monotonic()
    run = subprocess.run(
        ["turnutils_uclient", "-c", *relay.access, "-p", str(relay.port), "-e", HOST,
         "-r", str(peer), "-m", str(options.clients), "-n", str(options.messages),
         "-l", str(options.bytes), "-z", str(options.interval), HOST],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    passed = time.monotonic() - began
    used = processor_seconds(relay.pid) - before
    totals = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", run.stdout + run.stderr)
    if run.returncode or not totals:
        raise SystemExit(f"{relay.name}: turnutils_uclient failed:\n{run.stdout}{run.stderr}")
    sent, received = map(int, totals[-1])
    return 2 * received, used, passed, received / max(sent, 1)


async def bench(options):
    port = free_port()
    echo = start("turnutils_peer", "-p", str(port), "-L", HOST)
    relays = [Cooee(options.server_binary), Coturn()]
    rows = {relay.name: [] for relay in relays}
    memory = {}
    try:
        for relay in relays:
            await relay.ready()
        for number in range(options.rounds):
            # In turns, and the other way round each time: the machine's moods hit both.
            for relay in relays if number % 2 == 0 else reversed(relays):
                rows[relay.name].append(await asyncio.to_thread(round_of, relay, port, options))
                memory[relay.name] = resident_mib(relay.pid)
    finally:
        for relay in relays:
            await relay.stop()
        echo.terminate()
        echo.wait()
    print(f"{options.clients} clients, {options.messages} messages of {options.bytes} bytes each, "
          f"one in {options.interval} ms; median of {options.rounds} rounds, best and worst.\n")
    print("| relay | packets per second and core | best | worst | came back | resident MiB |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, rounds in rows.items():
        rates = sorted(packets / used for packets, used, _, _ in rounds)
        share = statistics.mean(share for _, _, _, share in rounds)
        print(f"| {name} | {statistics.median(rates):,.0f} | {rates[-1]:,.0f} | {rates[0]:,.0f} "
              f"| {share:.1%} | {memory[name]:.0f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server-binary", required=True)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--messages", type=int, default=20000)
    parser.add_argument("--bytes", type=int, default=160)
    parser.add_argument("--interval", type=int, default=1, help="milliseconds")
    parser.add_argument("--rounds", type=int, default=5)
    asyncio.run(bench(parser.parse_args()))


if __name__ == "__main__":
    main()
