"""privacy: which of a user's addresses somebody gets to see whom the user talks to."""

import json
import shutil
import time
from contextlib import contextmanager

import people
from arrivals import Capture, sightings, signalling
from callers import PORT
from calls import Call, unheard_by

from . import Check, skipped
from .call import lab_for

KIND = "port-restricted+v6"
# Not that of the peer, whose own address would be in its own messages.
LAN = 7
BEFORE = 3.0
OVERLAP = 2.0
SECONDS = 10.0
HIDDEN_ROUTES = {"relayed", "tunnelled"}


def run(options):
    if not shutil.which("tcpdump"):
        yield from skipped("tcpdump is not installed (package tcpdump)")
        return
    for who in ("placed", "answered"):
        yield from shows(options, who)
        yield hides(options, who)
        yield hides(options, who, moves=True)
        yield until_verified(options, who)


@contextmanager
def called(options, who, privacy):
    """Alice, who has this setting, in a call with bob that she placed or answered, while bob's machine
    and his side of the internet are listened to. What arrived is in the list when it is over."""
    with lab_for(options, KIND) as lab:
        lab.server.start()
        lab.client("alice", KIND, lan=LAN)
        lab.client("bob", KIND)
        alice, bob = (lab.clients[name].person() for name in ("alice", "bob"))
        people.befriend(alice, bob)
        alice.options += ["--privacy", privacy]
        network = lab.clients["bob"].network
        captures = [Capture(lab.clients["bob"].namespace, network.interface, lab.folder / "bob.pcap"),
                    Capture(network.site.router, "wan", lab.folder / "bob-router.pcap")]
        call = Call(*((alice, bob) if who == "placed" else (bob, alice)))
        scene = Scene(lab, call)
        call.ring(SECONDS)
        scene.note_addresses()
        yield scene
        call.finish()
        scene.scores = call.scores()
        own = {network.v4, network.v6, network.site.public_v4, network.site.public_v6}
        for capture in captures:
            scene.arrived.append([packet for packet in capture.stop() if packet.destination in own])


class Scene:
    """The call, alice's addresses so far, and what arrived at bob: at his machine, at his router."""

    def __init__(self, lab, call):
        self.lab = lab
        self.call = call
        self.alice = next(side for side in call.sides if side.name == "alice")
        self.addresses = set()
        self.arrived = []
        self.scores = {}

    def note_addresses(self):
        """All that her machine has, and what her router makes of them."""
        client = self.lab.clients["alice"]
        for interface in json.loads(client.namespace.run("ip", "-json", "address", "show")):
            if interface["ifname"] != "lo":
                self.addresses |= {entry["local"] for entry in interface["addr_info"]}
        for network in client.networks:
            self.addresses |= {network.site.public_v4, network.site.public_v6}

    def seen(self):
        return [sighting for arrived in self.arrived
                for sighting in sightings(arrived, PORT, self.addresses)]

    def messages(self):
        """How many of each kind bob got in this call."""
        counts = {}
        for _, opcode, octets in signalling(self.arrived[0], PORT):
            if opcode == 1:
                kind = json.loads(octets)["type"]
                counts[kind] = counts.get(kind, 0) + 1
        return counts

    def looked_at(self):
        """That there was something to look at, or what was missing."""
        counts = self.messages()
        missing = [f"no message {kind} was captured" for kind in (501, 502, 505, 507) if not counts.get(kind)]
        udp = [len(arrived) for arrived in self.arrived]
        missing += ["hardly a packet was captured"] if min(udp) < 100 else []
        text = f"{len(self.addresses)} addresses in {udp[0]} + {udp[1]} packets, {sum(counts.values())} messages"
        return text, missing


def told(sightings):
    """In words, each kind once."""
    words = sorted({f"{sighting.address} as {sighting.where}" for sighting in sightings})
    return ", ".join(words[:6]) + (f" and {len(words) - 6} more" if len(words) > 6 else "")


def routes(call):
    return " and ".join(" > ".join(taken) for taken in call.routes().values())


def shows(options, who):
    """The check can fail: without the setting all of her addresses are seen."""
    with called(options, who, "direct") as scene:
        pass
    text, faults = scene.looked_at()
    seen = scene.seen()
    network = scene.lab.clients["alice"].network
    for name, address in (("private", network.v4), ("mapped", network.site.public_v4), ("IPv6", network.v6)):
        where = [sighting for sighting in seen if sighting.address == address]
        in_message = any("a message 507" in sighting.where for sighting in where)
        yield Check(in_message and not faults,
                    "; ".join([f"direct, {who}: her {name} address is seen ({told(where) or 'nowhere'}) in "
                               f"{text}", *faults]))
    sources = [sighting for sighting in seen if "source of a UDP" in sighting.where]
    yield Check(bool(sources), f"direct, {who}: her packets come from her address ({len(sources)})")


def hides(options, who, moves=False):
    """Under always-relay nothing of hers is in whatever he gets."""
    with called(options, who, "always-relay") as scene:
        if moves:
            time.sleep(BEFORE)
            scene.lab.attach("alice", KIND)
            # Both networks' addresses count.
            scene.note_addresses()
            time.sleep(OVERLAP)
            scene.lab.detach("alice", 0)
    text, faults = scene.looked_at()
    seen = scene.seen()
    if seen:
        faults.append(f"there is {told(seen)}")
    faults += route_faults(scene.call)
    if not moves:
        faults += unheard_by(scene.scores)
    how = ", moved" if moves else ""
    return Check(not faults, "; ".join([f"always-relay, {who}{how}: none of her {text}; "
                                        f"routes {routes(scene.call)}", *faults]))


def route_faults(call):
    return [f"{name}'s voice took {route}" for name, taken in call.routes().items()
            for route in taken if route not in HIDDEN_ROUTES]


def until_verified(options, who):
    """None before she has said that the code is right; afterwards the call goes direct."""
    with called(options, who, "relay-until-verified") as scene:
        time.sleep(BEFORE)
        faults = route_faults(scene.call)
        said_at = time.time()
        scene.alice.running.type("verified")
    text, missing = scene.looked_at()
    seen = scene.seen()
    early = [sighting for sighting in seen if sighting.at < said_at]
    if early:
        faults.append(f"before that there is {told(early)}")
    if len(early) == len(seen):
        faults.append("nothing shows afterwards")
    final = [taken[-1] for taken in scene.call.routes().values()]
    if set(final) != {"direct"}:
        faults.append("the call does not go direct")
    faults += missing + unheard_by(scene.scores, breaks=0.5)
    return Check(not faults, "; ".join([f"relay-until-verified, {who}: none of her {text} before she says so, "
                                        f"{len(seen) - len(early)} afterwards; routes {routes(scene.call)}",
                                        *faults]))
