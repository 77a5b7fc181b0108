"""Kills the server at random moments of a stream of writes: what it acknowledged must be there.

Several writers send one request after another and note each acknowledgement. The one request
that a kill leaves without an answer may or may not have been carried out, whole but never in
part. Sessions come back by their tokens, which are themselves acknowledged writes.

Posters write to one conversation at the same time. What was posted keeps the place that was
acknowledged, no place is missing or taken twice, and the entry that a kill left without an answer
is there once after it was sent again, whether it had been there or not.
"""

import argparse
import asyncio
import pathlib
import os
import random
import sys
import tempfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "wire"))
from wire_client import Gone, Server, WireClient  # noqa: E402
from websockets.exceptions import WebSocketException  # noqa: E402

WRITERS = 4
POSTERS = 3
# Room for a stream of writes as fast as the answers come.
LIMITS = ["--message-rate", "5000", "--message-burst", "10000",
          "--post-rate", "5000", "--post-burst", "10000"]


class Stream:
    """One profile's requests, one after the other, until the server is killed."""

    def __init__(self, name, randomness, kill):
        self.name = name
        self.kill = kill
        self.random = randomness
        self.token = None
        self.acknowledged = 0
        self.counter = 0
        self.uncertain = None
        self.client = None

    async def register(self, url):
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


class Writer(Stream):
    """What one profile has been promised, and the one thing that is uncertain."""

    def __init__(self, number, randomness, kill):
        super().__init__(f"writer{number}", randomness, kill)
        self.number = number
        self.groups = {}
        self.contacts = {}
        self.newcomers = []

    async def start(self, url, sinks):
        self.sinks = sinks
        await self.register(url)

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


def uuid7():
    """A UUID of version 7 (RFC 9562, section 5.7): milliseconds, then chance."""
    bits = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10))
    bits = bits & ~(0xF << 76) | 7 << 76
    return str(uuid.UUID(int=bits & ~(3 << 62) | 2 << 62))


class Poster(Stream):
    """What one member of a conversation has been promised: the place of each entry of theirs."""

    def __init__(self, number, randomness, kill):
        super().__init__(f"poster{number}", randomness, kill)
        self.places = {}
        self.kinds = {}

    async def post(self, args):
        stored = await self.client.ask(660, 260, **args)
        same = self.places.setdefault(args["id"], stored)
        assert same == stored, f"{self.name}: {stored} was {same}"
        self.kinds[args["id"]] = args["kind"]

    async def write(self):
        self.counter += 1
        args = dict(id=uuid7(), id_group=self.id_group, kind="message")
        messages = [id for id, kind in self.kinds.items() if kind == "message"]
        if messages and self.random.random() < 0.3:
            kind = self.random.choice(["edit", "reaction"])
            args.update(kind=kind, refers_to=self.random.choice(messages))
        args.update(content_type="text/plain", body=f"{self.name}: {self.counter}")
        self.uncertain = args
        await self.post(args)

    async def check(self, url):
        """Comes back and sends again what was not answered; nothing is taken twice."""
        self.client = await WireClient.connect(url)
        await self.client.resume(self.token)
        if self.uncertain is not None:
            await self.post(self.uncertain)
            self.uncertain = None
        for id in self.random.sample(sorted(self.places), min(3, len(self.places))):
            again = dict(id=id, id_group=self.id_group, kind="deletion", refers_to=id)
            answer = await self.client.request(660, **again)
            assert answer.get("reason") == "duplicate", f"{self.name}: taken twice: {answer}"

    async def pull(self):
        """Everything, from the first entry on."""
        entries, more = [], True
        while more:
            after = entries[-1]["sequence"] if entries else 0
            page = await self.client.ask(663, 264, id_group=self.id_group, after=after)
            entries, more = entries + page["list_entry"], page["more"]
        assert page["last"] == len(entries), f"{self.name}: last {page['last']}"
        return entries


async def assemble(posters, url):
    """Brings the posters together in a group."""
    for poster in posters:
        await poster.register(url)
    first, *others = posters
    group = await first.client.ask(603, 201, group_name="posters")
    for other in others:
        await other.client.ask(606, 205, pseudo=first.name)
        await first.client.ask(606, 205, pseudo=other.name)
        await first.client.ask(604, 201, id_group=group["id_group"], pseudo=other.name)
    for poster in posters:
        poster.id_group = group["id_group"]


async def agree(posters):
    """Checks that all see the same conversation, with every entry in its acknowledged place."""
    entries = await posters[0].pull()
    for poster in posters[1:]:
        assert await poster.pull() == entries, f"{poster.name} sees something else"
    assert [entry["sequence"] for entry in entries] == list(range(1, len(entries) + 1))
    places = {entry["id"]: entry["sequence"] for entry in entries}
    promised = {id: stored["sequence"] for poster in posters
                for id, stored in poster.places.items()}
    assert places == promised, f"differing: {places.items() ^ promised.items()}"


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
    posters = [Poster(number, randomness, kill) for number in range(POSTERS)]
    await assemble(posters, server.url)
    streaming = [*writers, *posters]

    for number in range(options.rounds):
        streams = [asyncio.create_task(writer.write_until_killed()) for writer in streaming]
        await asyncio.sleep(randomness.uniform(0.005, 0.4))
        kill.set()
        server.process.kill()
        server.process.wait()
        await asyncio.gather(*streams)
        for writer in streaming:
            await writer.client.close()
        kill.clear()
        server = Server(options.server_binary, *LIMITS, folder=folder)
        for writer in streaming:
            await writer.check(server.url)
        await agree(posters)
        if (number + 1) % 10 == 0:
            done = sum(writer.acknowledged for writer in streaming)
            print(f"{number + 1} kills, {done} acknowledged writes, all there", flush=True)

    assert all(writer.acknowledged for writer in streaming), "a writer wrote nothing"
    for writer in streaming:
        await writer.client.close()
    status = server.stop(keep=True)
    folder.cleanup()
    assert status == 0, f"the server ended with status {status}"
    print(f"{options.rounds} passed, 0 failed")


asyncio.run(main())
