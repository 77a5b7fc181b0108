"""What the flows play on: a server, people with fresh names, and contacts between them."""

import itertools

from wire_client import PASSWORD, Surprise, WireClient

FLOWS = []
_numbers = itertools.count(1)


def flow(*options):
    """Registers a flow; `options` are those of the server that it needs."""

    def register(function):
        FLOWS.append((function, options))
        return function

    return register


def same(found, expected):
    if found != expected:
        raise Surprise(f"{found!r} instead of {expected!r}")


def true(fact, what):
    if not fact:
        raise Surprise(what)


class Stage:
    """One flow's view of the server; closes what the flow opened."""

    def __init__(self, server):
        self.server = server
        self._clients = []

    def name(self, base):
        """A name that no other flow has."""
        return f"{base}.{next(_numbers)}"

    async def connect(self, **options):
        client = await WireClient.connect(self.server.url, **options)
        self._clients.append(client)
        return client

    async def person(self, base):
        """Registers somebody."""
        client = await self.connect()
        await client.register(self.name(base))
        return client

    async def people(self, *bases):
        return [await self.person(base) for base in bases]

    async def again(self, person):
        """Another session of the same profile."""
        client = await self.connect()
        await client.login(person.pseudo)
        return client

    async def resumed(self, person):
        """The same session on a new connection; the three answers."""
        client = await self.connect()
        return client, *await client.resume(person.token)

    async def befriend(self, a, b):
        """Makes two people contacts of each other."""
        await a.ask(606, 205, pseudo=b.pseudo)
        await b.told(205, pseudo=a.pseudo, status="requested")
        await b.ask(606, 205, pseudo=a.pseudo)
        await a.told(205, pseudo=b.pseudo, status="online")

    async def friends(self, *bases):
        """People of whom each is the contact of each other."""
        people = await self.people(*bases)
        for a, b in itertools.combinations(people, 2):
            await self.befriend(a, b)
        for person in people:
            await person.settled()
            person.inbox.clear()
        return people

    async def group(self, creator, *others):
        """A group of these contacts of the creator; its id."""
        group = await creator.ask(603, 201, group_name="a group")
        for other in others:
            await creator.ask(604, 201, id_group=group["id_group"], pseudo=other.pseudo)
            await other.told(201, id_group=group["id_group"])
        for person in (creator, *others):
            await person.settled()
            person.inbox.clear()
        return group["id_group"]

    async def ring(self, caller, *people, id_group=None, **more):
        """Rings people; the echo."""
        args = dict(list_pseudo=[person.pseudo for person in people], address="0.0.0.0", port=0)
        if id_group is not None:
            args["id_group"] = id_group
        return await caller.ask(501, 501, **args, **more)

    async def call(self, caller, callee):
        """A direct call that is accepted and has its addresses; its id."""
        id_group = (await self.ring(caller, callee))["id_group"]
        await callee.told(501, id_group=id_group, pseudo=caller.pseudo)
        await callee.ask(502, 502, pseudo=callee.pseudo, id_group=id_group)
        await caller.told(502, id_group=id_group, pseudo=callee.pseudo)
        for person, port in ((caller, 1001), (callee, 1002)):
            await person.told(505, id_group=id_group)
            await person.ask(506, 506, id_group=id_group, address="192.0.2.1", port=port)
        for person in (caller, callee):
            await person.told(507, id_group=id_group)
        return id_group

    async def close(self):
        for client in self._clients:
            if not client.closed:
                await client.close()


__all__ = ["FLOWS", "PASSWORD", "Stage", "flow", "same", "true"]
