"""Kills clients and server at random moments of real conversations, and looks at what is there.

Alice and Bob write to each other and to a group with `cooee chat`, line by line. At a random moment one
of them, or the server, is killed (SIGKILL) and started again. At the end everybody must have the same
sequence, everything that was said to be kept must be there exactly once or be marked as refused, and what
was told to have arrived must be there.
"""

import argparse
import asyncio
import json
import os
import pathlib
import random
import signal
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "wire"))
from wire_client import Server  # noqa: E402

PASSWORD = "correct horse battery"


class Person:
    """Somebody with a data folder, and what their programs have told."""

    def __init__(self, name, client, folder, url):
        self.name, self.client, self.url = name, client, url
        self.data = pathlib.Path(folder) / name
        self.kept, self.arrived, self.refused = [], set(), set()
        self.process = None
        self.reading = None
        self.counter = 0

    def command(self, *arguments):
        return [self.client, "--json", "--credentials", "file", "--data", str(self.data),
                "--server", self.url, *arguments]

    async def run(self, *arguments):
        environment = dict(os.environ, COOEE_PASSWORD=PASSWORD)
        process = await asyncio.create_subprocess_exec(
            *self.command(*arguments), env=environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        out, errors = await asyncio.wait_for(process.communicate(), 60)
        lines = [json.loads(line) for line in out.decode().splitlines()]
        for line in lines:
            self.note(line)
        if process.returncode != 0:
            raise AssertionError(f"{self.name}: {arguments}: {errors.decode()} {lines}")
        return lines

    def note(self, event):
        kind = event.get("event")
        if kind == "kept" and event["id"] not in self.kept:
            self.kept.append(event["id"])
        elif kind == "arrived":
            self.arrived.add(event["id"])
        elif kind == "refused":
            self.refused.add(event["id"])

    async def start_chat(self, whom):
        self.process = await asyncio.create_subprocess_exec(
            *self.command("chat", whom), stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, limit=2**22)
        self.reading = asyncio.create_task(self.read(self.process.stdout))

    async def read(self, stream):
        async for line in stream:
            try:
                self.note(json.loads(line))
            except ValueError:
                # The line that the kill has cut off.
                return

    async def write(self, randomness):
        while True:
            self.counter += 1
            line = f"{self.name} {self.counter}\n".encode()
            try:
                self.process.stdin.write(line)
                await self.process.stdin.drain()
            except (BrokenPipeError, ConnectionResetError):
                return
            await asyncio.sleep(randomness.uniform(0, 0.02))

    async def kill(self):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()
        await self.reading

    async def history(self, whom):
        (event,) = [e for e in await self.run("history", whom, "--limit", "10000") if e["event"] == "messages"]
        assert not event["more"], "the history is cut"
        return event

    async def settle(self):
        """Until nothing waits any more."""
        for _ in range(200):
            lines = await self.run("history", "--search", "nothing-like-this")
            (outbox,) = [e for e in await self.run("outbox", "list") if e["event"] == "outbox"]
            waiting = [out for out in outbox["outbox"] if out["refused"] is None]
            if not waiting:
                self.refused = {out["id"] for out in outbox["outbox"]}
                return
            # Whatever is kept goes out while a command is connected.
            await self.chat_until_empty()
        raise AssertionError(f"{self.name}: {len(waiting)} messages wait for ever, after {lines}")

    async def chat_until_empty(self):
        for whom in self.conversations:
            await self.start_chat(whom)
            self.process.stdin.close()
            await asyncio.wait_for(self.process.wait(), 120)
            await self.reading


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server-binary", required=True)
    parser.add_argument("--client-binary", required=True)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    randomness = random.Random(options.seed)
    database = tempfile.TemporaryDirectory(prefix="cooee-messages-server-")
    folders = tempfile.TemporaryDirectory(prefix="cooee-messages-")
    server = Server(options.server_binary, folder=database)
    url = server.url
    port = url.rsplit(":", 1)[1].split("/")[0]

    people = [Person(name, options.client_binary, folders.name, url.removesuffix("/v1/ws"))
              for name in ("alice", "bob")]
    alice, bob = people
    for person in people:
        await person.run("register", person.name)
    await alice.run("contact", "add", "bob")
    await bob.run("contact", "add", "alice")
    await alice.run("group", "create", "friends")
    await alice.run("group", "add", "friends", "bob")
    for person in people:
        # A chat starts from what is known here.
        await person.run("group", "list")
    alice.conversations, bob.conversations = ("bob", "friends"), ("alice", "friends")

    killed = {"client": 0, "server": 0}
    for number in range(options.kills):
        for person in people:
            await person.start_chat(randomness.choice(person.conversations))
        writing = [asyncio.create_task(person.write(randomness)) for person in people]
        await asyncio.sleep(randomness.uniform(0.2, 1.2))
        if randomness.random() < 0.4:
            killed["server"] += 1
            server.process.kill()
            server.process.wait()
            await asyncio.sleep(randomness.uniform(0, 0.3))
            server = Server(options.server_binary, folder=database, listen=f"127.0.0.1:{port}")
        else:
            killed["client"] += 1
            await randomness.choice(people).kill()
        for task in writing:
            task.cancel()
        await asyncio.gather(*writing, return_exceptions=True)
        for person in people:
            await person.kill()
        if (number + 1) % 10 == 0:
            kept = sum(len(person.kept) for person in people)
            print(f"{number + 1} kills, {kept} messages kept", flush=True)

    for person in people:
        await person.settle()
    total = 0
    places = {}
    for one, other in (("bob", "alice"), ("friends", "friends")):
        mine, theirs = await alice.history(one), await bob.history(other)
        sequence = [(m["sequence"], m["id"], m["pseudo"], m.get("text")) for m in mine["messages"]]
        assert sequence == [(m["sequence"], m["id"], m["pseudo"], m.get("text")) for m in theirs["messages"]], \
            f"{one}: alice and bob have different sequences"
        ids = [place[1] for place in sequence]
        assert len(ids) == len(set(ids)), f"{one}: something is there twice"
        texts = [place[3] for place in sequence]
        assert len(texts) == len(set(texts)), f"{one}: something was sent twice"
        for person in people:
            numbers = [int(place[3].split()[1]) for place in sequence if place[2] == person.name]
            assert numbers == sorted(numbers), f"{one}: what {person.name} wrote is out of order"
        places.update((place[1], place[0]) for place in sequence)
        total += len(ids)
    for person in people:
        lost = person.arrived - places.keys()
        assert not lost, f"{person.name}: had arrived and is gone: {lost}"
        nowhere = set(person.kept) - places.keys() - person.refused
        assert not nowhere, f"{person.name}: kept and nowhere: {nowhere}"
    assert total > options.kills, f"only {total} messages"
    status = server.stop(keep=True)
    database.cleanup()
    folders.cleanup()
    assert status == 0, f"the server ended with status {status}"
    print(f"{options.kills} kills ({killed}), {total} messages, each there once and in one order")
    print(f"{options.kills} passed, 0 failed")


asyncio.run(main())
