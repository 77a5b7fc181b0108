"""Kills the server at random moments of a stream of writes: what it acknowledged must be there.

Several writers send one request after another and note each acknowledgement. The one request
that a kill leaves without an answer may or may not have been carried out, whole but never in
part. Sessions come back by their tokens, which are themselves acknowledged writes.
"""

import argparse
import asyncio
import pathlib
import random
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "wire"))
from wire_client import Gone, Server, WireClient  # noqa: E402
from websockets.exceptions import WebSocketException  # noqa: E402

WRITERS = 4
# Room for a stream of writes as fast as the answers come.
LIMITS = ["--message-rate", "5000", "--message-burst", "10000"]


class Writer:
    """What one profile has been promised, and the one thing that is uncertain."""

    def __init__(self, number, randomness, kill):
        self.number = number
        self.kill = kill
        self.random = randomness
        self.name = f"writer{number}"
        self.token = None
        self.groups = {}
        self.contacts = {}
        self.newcomers = []
        self.acknowledged = 0
        self.counter = 0
        self.uncertain = None
        self.client = None

    async def start(self, url, sinks):
        self.sinks = sinks
        self.client = await WireClient.connect(url)
        await self.client.register(self.name)
        self.token = self.client.token

    async def write_until_killed(self):
        try:
            while True:
                await self.write()
                self.acknowledged += 1
                self.uncertain = None
        except (Gone, OSError, WebSocketException) as error:
            # Whichever connection of the writer's notices first: one that is being opened is
            # refused before the end of those that are open has been read. A wrong answer is
            # none of these, and is never excused.
            if not self.kill.is_set():
                raise AssertionError(f"{self.name}: lost before the kill: {error!r}") from error

    async def write(self):
        self.counter += 1
        kind = self.random.choice(["create", "create", "quit", "contact", "rename", "register"])
        if kind == "quit" and not self.groups:
            kind = "create"
        if kind == "create":
            name = f"{self.number}-{self.counter}"
            self.uncertain = ("create", name)
            group = await self.client.ask(603, 201, group_name=name)
            self.groups[group["id_group"]] = name
        elif kind == "quit":
            group = self.random.choice(list(self.groups))
            self.uncertain = ("quit", group)
            await self.client.ask(605, 204, id_group=group, pseudo=self.name)
            del self.groups[group]
        elif kind == "contact":
            sink = self.random.choice(self.sinks)
            self.uncertain = ("contact", sink)
            if sink in self.contacts:
                await self.client.ask(607, 206, pseudo=sink)
                del self.contacts[sink]
            else:
                await self.client.ask(606, 205, pseudo=sink)
                self.contacts[sink] = "pending"
        elif kind == "rename":
            name = f"writer{self.number}.{self.counter}"
            self.uncertain = ("rename", name)
            await self.client.ask(602, 202, pseudo=name)
            self.name = self.client.pseudo = name
        else:
            name = f"newcomer{self.number}.{self.counter}"
            self.uncertain = ("register", name)
            newcomer = await WireClient.connect(self.url)
            try:
                await newcomer.register(name)
                self.newcomers.append((name, newcomer.token))
            finally:
                await newcomer.close()

    async def check(self, url):
        """Comes back by the token and compares; the uncertain request is settled either way."""
        self.url = url
        self.client = await WireClient.connect(url)
        profile, contacts, groups = await self.client.resume(self.token)
        kind, what = self.uncertain or (None, None)
        if kind == "rename" and profile["pseudo"] == what:
            self.name = what
        assert profile["pseudo"] == self.name, f"{profile['pseudo']} instead of {self.name}"

        there = {group["id_group"]: group["group_name"] for group in groups}
        missing = self.groups.keys() - there.keys()
        extra = there.keys() - self.groups.keys()
        if kind == "quit":
            missing -= {what}
        if kind == "create":
            extra = {group for group in extra if there[group] != what}
        assert not missing, f"{self.name}: acknowledged groups are gone: {missing}"
        assert not extra, f"{self.name}: groups that were left are back: {extra}"
        for group in groups:
            assert group["list_pseudo"] == [self.name], f"half a group: {group}"
        self.groups = there

        known = {contact["pseudo"]: contact["status"] for contact in contacts}
        differing = known.keys() ^ self.contacts.keys()
        if kind == "contact":
            differing -= {what}
        assert not differing, f"{self.name}: contacts differ: {differing}"
        self.contacts = known

        for name, token in self.newcomers[-5:]:
            newcomer = await WireClient.connect(url)
            profile, _, _ = await newcomer.resume(token)
            assert profile["pseudo"] == name
            await newcomer.close()
        self.uncertain = None


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server-binary", required=True)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    randomness = random.Random(options.seed)
    folder = tempfile.TemporaryDirectory(prefix="cooee-kill9-")
    server = Server(options.server_binary, *LIMITS, folder=folder)

    sinks = []
    for number in range(6):
        sink = await WireClient.connect(server.url)
        await sink.register(f"sink{number}")
        sinks.append(sink.pseudo)
        await sink.close()
    kill = asyncio.Event()
    writers = [Writer(number, randomness, kill) for number in range(WRITERS)]
    for writer in writers:
        writer.url = server.url
        await writer.start(server.url, sinks)

    for number in range(options.rounds):
        streams = [asyncio.create_task(writer.write_until_killed()) for writer in writers]
        await asyncio.sleep(randomness.uniform(0.005, 0.4))
        kill.set()
        server.process.kill()
        server.process.wait()
        await asyncio.gather(*streams)
        for writer in writers:
            await writer.client.close()
        kill.clear()
        server = Server(options.server_binary, *LIMITS, folder=folder)
        for writer in writers:
            await writer.check(server.url)
        if (number + 1) % 10 == 0:
            done = sum(writer.acknowledged for writer in writers)
            print(f"{number + 1} kills, {done} acknowledged writes, all there", flush=True)

    assert all(writer.acknowledged for writer in writers), "a writer wrote nothing"
    for writer in writers:
        await writer.client.close()
    status = server.stop(keep=True)
    folder.cleanup()
    assert status == 0, f"the server ended with status {status}"
    print(f"{options.rounds} passed, 0 failed")


asyncio.run(main())
