"""Load: idle sessions, and floods that must not disturb anybody.

    python tests/wire/load.py --server-binary target/release/cooee-server [--connections 10000]

Opens idle connections that are logged in, measures what each costs the server in resident memory,
and plays flows of other clients meanwhile and during floods of malformed frames, of bad
connects and of logins.
"""

import argparse
import asyncio
import base64
import functools
import hashlib
import importlib
import json
import os
import resource
import sqlite3
import struct
import sys
import time
from urllib.parse import urlsplit

import stage
from wire_client import PASSWORD, Server, WireClient

TOKENS_EACH = 50
MARGIN = 600
FLOWS = (
    "a_contact_is_asked_for_and_confirmed",
    "a_direct_call_from_the_ring_to_the_end",
    "a_group_call_with_a_late_joiner",
)


class Idle(asyncio.Protocol):
    """The leanest client: shakes hands, resumes a session, answers pings."""

    def __init__(self, host, token):
        self.host, self.token = host, token
        self.ready = asyncio.get_running_loop().create_future()
        self.buffer = b""
        self.upgraded = self.lost = False

    def connection_made(self, transport):
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /v1/ws HTTP/1.1\r\nHost: {self.host}\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
            .encode())

    def _send(self, opcode, payload):
        length = len(payload)
        head = bytes([0x80 | opcode, 0x80 | length]) if length < 126 else struct.pack(
            "!BBH", 0x80 | opcode, 0x80 | 126, length)
        # The mask is zero: it protects proxies, and there is none.
        self.transport.write(head + bytes(4) + payload)

    def data_received(self, data):
        self.buffer += data
        if not self.upgraded:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head[:20]:
                return self._fail(f"the handshake drew {head[:100]!r}")
            self.upgraded, self.buffer = True, rest
            frame = {"type": 650, "seq": 1, "args": {"token": self.token}}
            self._send(1, json.dumps(frame).encode())
        while len(self.buffer) >= 2:
            length, at = self.buffer[1] & 0x7F, 2
            if length == 126:
                length, at = int.from_bytes(self.buffer[2:4]), 4
            elif length == 127:
                length, at = int.from_bytes(self.buffer[2:10]), 10
            if len(self.buffer) < at + length:
                return
            opcode, payload = self.buffer[0] & 0x0F, self.buffer[at:at + length]
            self.buffer = self.buffer[at + length:]
            if opcode == 9:
                self._send(10, payload)
            elif opcode == 1 and not self.ready.done():
                kind = json.loads(payload)["type"]
                if kind == 207:
                    self.ready.set_result(None)
                elif kind >= 400:
                    self._fail(f"the login drew {payload!r}")

    def _fail(self, why):
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(why))
        self.transport.abort()

    def connection_lost(self, error):
        self.lost = True
        if not self.ready.done():
            self.ready.set_exception(error or ConnectionError("closed before the login"))


async def register_profiles(server, count):
    """Registers profiles, four at a time: the server hashes few passwords at once."""
    names = iter([f"idle.{number}" for number in range(count)])

    async def work():
        client = await WireClient.connect(server.url)
        for name in names:
            await client.register(name)
        await client.close()

    await asyncio.gather(*(work() for _ in range(4)))


def insert_tokens(server):
    """Gives each profile its tokens in the database of the stopped server: ten thousand logins
    would measure the password hash and nothing else. The tokens that were made."""
    (path,) = [os.path.join(folder, name) for folder, _, names in os.walk(server.data)
               for name in names if name.endswith((".db", ".sqlite", ".sqlite3"))]
    database = sqlite3.connect(path)
    now = int(time.time())
    tokens = []
    with database:
        database.execute("DELETE FROM tokens")
        for (profile,) in database.execute("SELECT id FROM profiles").fetchall():
            for _ in range(TOKENS_EACH):
                token = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
                tokens.append(token)
                digest = hashlib.sha256(token.encode()).digest()
                database.execute(
                    "INSERT INTO tokens (hash, profile, created, used) VALUES (?, ?, ?, ?)",
                    (digest, profile, now, now))
    database.close()
    return tokens


async def open_idle(server, tokens):
    """Opens one connection for each token, a hundred at a time."""
    parts = urlsplit(server.url)
    loop = asyncio.get_running_loop()
    waiting = iter(tokens)
    opened = []

    async def work():
        for token in waiting:
            _, idle = await loop.create_connection(
                functools.partial(Idle, parts.netloc, token), parts.hostname, parts.port)
            await asyncio.wait_for(idle.ready, 30)
            opened.append(idle)

    await asyncio.gather(*(work() for _ in range(100)))
    return opened


async def play_flows(server, when):
    """Plays the flows of other clients; how long they took together, in seconds."""
    began = time.monotonic()
    flows = {flow.__name__: flow for flow, _ in stage.FLOWS}
    for name in FLOWS:
        scene = stage.Stage(server)
        try:
            async with asyncio.timeout(20):
                await flows[name](scene)
        finally:
            await scene.close()
    took = time.monotonic() - began
    print(f"flows {when}: {len(FLOWS)} of {len(FLOWS)} in {took:.2f} s", flush=True)
    return took


async def flood_malformed(server):
    """Malformed frames over twenty connections until the server has enough."""

    async def one():
        client = await WireClient.connect(server.url)
        try:
            for _ in range(200):
                for text in ("", "{", '{"type":1}', '{"type":601,"args":[]}', "[" * 5_000):
                    await client.send_text(text)
        except Exception as error:
            if not client.socket.close_code:
                raise error
        await client.close()
        return len(client.inbox), client.socket.close_code

    results = await asyncio.gather(*(one() for _ in range(20)))
    return f"{sum(answers for answers, _ in results)} answers, close codes " \
           f"{sorted({str(code) for _, code in results})}"


async def flood_connects(server, count=1_000):
    """Connections that never become WebSockets."""
    parts = urlsplit(server.url)
    openings = (b"", b"\x00" * 64, b"GET / HTTP/1.1\r\n", b"GET /v1/ws HTTP/1.1\r\nHost: x\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01", b"PUT /v1/pictures HTTP/1.1\r\nContent-Length: 9\r\n")
    gate = asyncio.Semaphore(100)

    async def one(number):
        async with gate:
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            try:
                writer.write(openings[number % len(openings)])
                await writer.drain()
                if number % 2:
                    async with asyncio.timeout(0.2):
                        await reader.read(1)
            except (ConnectionError, TimeoutError):
                pass
            writer.transport.abort()

    await asyncio.gather(*(one(number) for number in range(count)))
    return f"{count} bad connects"


async def flood_logins(server, count=300):
    """Wrong passwords for many profiles at once, from an address of their own: the logins of
    whoever shares it are refused for a while as well."""

    async def one(number):
        client = await WireClient.connect(server.url, local_addr=("127.0.0.2", 0))
        frame = await client.request(608, pseudo=f"idle.{number}", password=PASSWORD + "x")
        await client.close()
        return frame["type"]

    answers = await asyncio.gather(*(one(number) for number in range(count)))
    counts = {kind: answers.count(kind) for kind in sorted(set(answers))}
    if set(counts) - {402, 452}:
        raise AssertionError(f"the login flood drew {counts}")
    return f"{count} logins drew {counts}"


def affordable(wanted):
    """The most idle connections that both processes may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = hard if hard != resource.RLIM_INFINITY else max(soft, wanted + MARGIN)
    limit = max(soft, min(limit, wanted + 10 * MARGIN))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    if limit - MARGIN < wanted:
        print(f"only {limit - MARGIN} instead of {wanted} connections: "
              f"a process may open {limit} files here")
    return min(wanted, limit - MARGIN)


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server-binary", required=True)
    parser.add_argument("--connections", type=int, default=10_000)
    options = parser.parse_args()
    began = time.monotonic()
    for chapter in ("contacts", "calls", "group_calls"):
        importlib.import_module(f"flows.{chapter}")
    count = affordable(options.connections)

    first = await asyncio.to_thread(
        Server, options.server_binary, "--register-burst-address", "1000")
    try:
        await register_profiles(first, -(-count // TOKENS_EACH))
        await play_flows(first, "on a quiet server")
    finally:
        await asyncio.to_thread(first.stop, keep=True)
    tokens = insert_tokens(first)[:count]
    server = await asyncio.to_thread(Server, options.server_binary, folder=first.folder)
    try:
        # Measured before anybody gives a password: the memory of its hash would blur the figure.
        before = server.resident_kib()
        start = time.monotonic()
        opened = await open_idle(server, tokens)
        print(f"{len(opened)} idle connections logged in after {time.monotonic() - start:.1f} s")
        after = server.resident_kib()
        print(f"resident memory: {before} KiB before, {after} KiB after, "
              f"{(after - before) / len(opened):.1f} KiB per idle connection", flush=True)
        await play_flows(server, f"beside {len(opened)} idle connections")
        print(f"     resident memory: {server.resident_kib()} KiB")
        for flood, what in ((flood_malformed, "malformed frames"), (flood_connects, "bad connects"),
                            (flood_logins, "logins")):
            running = asyncio.create_task(flood(server))
            await play_flows(server, f"during a flood of {what}")
            print(f"     {await running}; resident memory: {server.resident_kib()} KiB")
        lost = sum(idle.lost for idle in opened)
        print(f"{lost} idle connections lost")
        for idle in opened:
            idle.transport.abort()
        if lost:
            return 1
    finally:
        await asyncio.to_thread(server.stop)
    print(f"done in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
