"""The lab: an internet, a server, and people behind networks of any kind.

    203.0.113.0/24 and 2001:db8::/64: the bridge `br0` in the namespace `internet`
      .1 the way out; .10 the server, .11 its second address; .12 a relay of somebody else
      .20 and up: a router, or an open client, each
    behind a router: 192.168.1.0/24 (everybody has the same one, as at home) and 2001:db8:N::/64;
      a client's second network is 192.168.2.0/24, and so on
"""

import itertools
import pathlib
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field

import nat
from callers import LabServer, Person
from link import Link, Port
from namespaces import Claim, LabError, Namespace

SERVER_NAME = "server.lab"
SERVER_V4 = ("203.0.113.10", "203.0.113.11")
SERVER_V6 = ("2001:db8::10", "2001:db8::11")
OTHER_RELAY_V4 = "203.0.113.12"
GATEWAY_V4, GATEWAY_V6 = "203.0.113.1", "2001:db8::1"
FIRST_SITE = 20

# The real-time priority of those who speak: above the server, links above both.
VOICE = 20

# A bridge takes the lowest address of its ports unless it has one of its own: with each cable that is
# plugged in or slid out it could become another machine, and packets go astray until that is noticed.
BRIDGE_MAC = "02:00:5e:00:00:01"

FORWARDING = {
    "ipv4__ip_forward": 1,
    "ipv6__conf__all__forwarding": 1,
    "ipv4__conf__all__send_redirects": 0,
    "ipv4__conf__default__send_redirects": 0,
}
# What Debian's desktops have.
LOOSE = {"ipv4__conf__all__rp_filter": 2, "ipv4__conf__default__rp_filter": 2}


@dataclass
class Site:
    """A place in the internet: a router with a LAN behind it, or a place for one open machine."""

    kind: nat.Kind
    number: int
    port: Port
    router: Namespace | None = None
    lan: int = 1
    mapper: object = None
    clients: list = field(default_factory=list)

    @property
    def public_v4(self):
        return f"203.0.113.{self.number}"

    @property
    def public_v6(self):
        return f"2001:db8::{self.number}"

    def lan_v4(self, host):
        return f"192.168.{self.lan}.{host}"

    def lan_v6(self, host):
        return f"2001:db8:{self.number}::{host}"


@dataclass
class Network:
    """A client's interface at a site."""

    site: Site
    interface: str
    v4: str | None
    v6: str | None
    port: Port
    up: bool = True


class Client:
    """Somebody's machine."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.namespace = lab.claim.namespace(name, **LOOSE)
        self.networks = []

    @property
    def network(self):
        """The one that came last."""
        return self.networks[-1]

    def program(self, binary):
        """A program that runs `binary` on this machine, as one process, whatever its arguments."""
        path = self.lab.folder / f"{self.name}-{binary.name}"
        first = " ".join(self.namespace.ahead(VOICE))
        inside = f'mount --bind {self.lab.hosts} /etc/hosts && exec {first} "$0" "$@"'
        path.write_text("#!/bin/sh\n"
                        f"exec {' '.join(self.namespace.prefix())} sh -c '{inside}' {binary} \"$@\"\n")
        path.chmod(0o700)
        return path

    def person(self):
        """The `cooee` of this machine's user, on a data folder of its own."""
        return Person(self, self.lab.binaries / "cooee")


class Lab:
    """Built piece by piece; leaving its `with` block takes everything down."""

    def __init__(self, seed=0, binaries=None, v6=False, keep=None):
        self.seed = seed
        self.binaries = binaries
        self.v6 = v6
        self.keep = keep
        self.numbers = itertools.count(FIRST_SITE)
        self.clients = {}
        self.links = {}
        self.claim = Claim()
        try:
            self._build()
        except BaseException:
            self.claim.release()
            raise

    def _build(self):
        self.folder = self.claim.folder
        self.hosts = self.folder / "hosts"
        addresses = [SERVER_V4[0], SERVER_V6[0]] if self.v6 else [SERVER_V4[0]]
        self.hosts.write_text("127.0.0.1 localhost\n::1 localhost\n"
                              + "".join(f"{address} {SERVER_NAME}\n" for address in addresses))
        self.internet = self.claim.namespace("internet", **FORWARDING)
        self.internet.ip(f"link add br0 address {BRIDGE_MAC} type bridge mcast_snooping 0",
                         f"addr add {GATEWAY_V4}/24 dev br0",
                         f"addr add {GATEWAY_V6}/64 dev br0 nodad",
                         "link set br0 up")
        machine = self.machine("server", *SERVER_V4)
        self.server_port = Port(self.internet, "br0", "server")
        machine.ip(*(f"addr add {address}/64 dev net0 nodad" for address in SERVER_V6),
                   f"route add ::/0 via {GATEWAY_V6}")
        self.server = LabServer(self, machine)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.keep:
            shutil.copytree(self.folder, pathlib.Path(self.keep) / self.claim.identity,
                            ignore=shutil.ignore_patterns("*.control"), dirs_exist_ok=True)
        for link in self.links.values():
            link.close()
        self.server.gone()
        self.claim.release()

    def machine(self, name, *addresses):
        """A machine with public addresses of one's choice, for a service."""
        machine = self.claim.namespace(name)
        self._cable(machine, "net0", self.internet, "br0", name)
        machine.ip(*(f"addr add {address}/24 dev net0" for address in addresses),
                   f"route add default via {GATEWAY_V4}")
        return machine

    def client(self, name, nat="open", behind=None, lan=1):
        """A client behind a network of a kind, or behind the router of another client. `lan` is the
        third number of its private addresses."""
        client = self.clients[name] = Client(self, name)
        if behind:
            self._plug(client, self.clients[behind].network.site)
        else:
            self._plug(client, self._site(nat, f"{name}0", lan))
        return client

    def attach(self, name, to):
        """One more network for a client. The first one stays the one that packets prefer."""
        client = self.clients[name]
        self._plug(client, self._site(to, f"{name}{len(client.networks)}", len(client.networks) + 1))
        return client.network

    def detach(self, name, which=0):
        """The interface vanishes, with its addresses and routes."""
        network = self.clients[name].networks[which]
        if not network.up:
            raise LabError(f"{name}'s network {which} is gone already")
        network.up = False
        self.clients[name].namespace.ip(f"link delete {network.interface}")

    def move(self, name, to, overlap=None, gap=0.0):
        """From the newest network to a new one. With `overlap` both are up for that many seconds;
        without, there is none for `gap` seconds. The times (of the clock) of going and coming."""
        which = len(self.clients[name].networks) - 1
        if overlap is None:
            self.detach(name, which)
            gone = time.time()
            # Built ahead of time it would be up: what it takes to build is part of the gap.
            time.sleep(gap)
            self.attach(name, to)
            return {"gone": gone, "came": time.time()}
        self.attach(name, to)
        came = time.time()
        time.sleep(overlap)
        self.detach(name, which)
        return {"gone": time.time(), "came": came}

    def link(self, name, at="internet"):
        """The cable between a client's site and the internet, or with at="lan" between the client
        and its router, or that of the "server". As it is until something is set."""
        port = self.server_port
        if name != "server":
            network = self.clients[name].network
            port = network.port if at == "lan" else network.site.port
        key = port.namespace.name, port.interface
        if key not in self.links:
            self.links[key] = Link(self.folder, port, self.seed)
        return self.links[key]

    def persons(self, *names):
        """Those people with profiles on the running server."""
        people = [self.clients[name].person() for name in names]
        for person in people:
            person.run("register", person.name)
        return people

    def _cable(self, inside, interface, outside, bridge, port):
        port = port[:15]
        outside.ip(f"link add {port} type veth peer name {interface} netns {inside.name}",
                   f"link set {port} addrgenmode none",
                   f"link set {port} master {bridge}",
                   f"link set {port} up")
        inside.ip(f"link set {interface} up")
        return Port(outside, bridge, port)

    def _site(self, text, name, lan):
        kind = nat.Kind(text)
        if kind.v6 and not self.v6:
            raise LabError(f"{text}: this lab has a server for IPv4 only")
        number = next(self.numbers)
        if not kind.has_router:
            return Site(kind, number, Port(self.internet, "br0", f"p{number}"))
        router = self.claim.namespace(f"{name}-router", **FORWARDING)
        port = self._cable(router, "wan", self.internet, "br0", f"p{number}")
        site = Site(kind, number, port, router, lan)
        router.ip(f"link add lan address {BRIDGE_MAC} type bridge mcast_snooping 0", "link set lan up")
        if kind.v4:
            router.ip(f"addr add {site.public_v4}/24 dev wan",
                      f"route add default via {GATEWAY_V4}",
                      f"addr add {site.lan_v4(1)}/24 dev lan")
        if kind.maps:
            self._map_ports(site)
        if kind.v6:
            router.ip(f"addr add {site.public_v6}/64 dev wan nodad",
                      f"route add ::/0 via {GATEWAY_V6}",
                      f"addr add {site.lan_v6(1)}/64 dev lan nodad")
            self.internet.ip(f"route add 2001:db8:{number}::/64 via {site.public_v6}")
        return site

    def _map_ports(self, site):
        """The router's helper that maps ports on demand."""
        log = open(self.folder / f"mapper-{site.number}.log", "wb")
        site.mapper = site.router.start(
            sys.executable, pathlib.Path(__file__).with_name("mapper.py"), "--inside", site.lan_v4(1), "--outside",
            site.public_v4, *(["--old"] if site.kind.maps == "old" else []), stdout=subprocess.PIPE, stderr=log)
        if site.mapper.stdout.readline() != b"ready\n":
            raise LabError("the router's helper for mapping ports did not start")

    def _plug(self, client, site):
        interface = f"net{len(client.networks)}"
        metric = 100 + len(client.networks)
        if site.router is None:
            self._plug_open(client, site, interface, metric)
            return
        host = 2 + len(site.clients)
        port = self._cable(client.namespace, interface, site.router, "lan",
                           f"{client.name}{len(client.networks)}")
        network = Network(site, interface, site.lan_v4(host) if site.kind.v4 else None,
                          site.lan_v6(host) if site.kind.v6 else None, port)
        if network.v4:
            client.namespace.ip(
                f"addr add {network.v4}/24 dev {interface}",
                f"route add default via {site.lan_v4(1)} dev {interface} metric {metric}")
        if network.v6:
            client.namespace.ip(
                f"addr add {network.v6}/64 dev {interface} nodad",
                f"route add ::/0 via {site.lan_v6(1)} dev {interface} metric {metric}")
        client.networks.append(network)
        site.clients.append((client, network))
        self._rules(site)

    def _plug_open(self, client, site, interface, metric):
        if site.clients:
            raise LabError("an open machine has nobody behind it")
        self._cable(client.namespace, interface, self.internet, "br0", site.port.interface)
        # A host route: two open networks of a client would claim the same neighbours.
        client.namespace.ip(
            f"addr add {site.public_v4}/32 dev {interface}",
            f"route add default via {GATEWAY_V4} dev {interface} onlink metric {metric}")
        if site.kind.v6:
            client.namespace.ip(
                f"addr add {site.public_v6}/128 dev {interface} nodad",
                f"route add ::/0 via {GATEWAY_V6} dev {interface} onlink metric {metric}")
        network = Network(site, interface, site.public_v4,
                          site.public_v6 if site.kind.v6 else None, site.port)
        client.networks.append(network)
        site.clients.append((client, network))

    def _rules(self, site):
        ranges = nat.port_ranges(len(site.clients))
        if site.kind.v4 == "full-cone" and len(ranges) > 1:
            for (client, _), (first, last) in zip(site.clients, ranges):
                client.namespace.run("sh", "-c", f"echo {first} {last} > "
                                     "/proc/sys/net/ipv4/ip_local_port_range")
        inside = [(network.v4, ports) for (_, network), ports in zip(site.clients, ranges)]
        site.router.nft("flush ruleset\n" + site.kind.rules(inside))
