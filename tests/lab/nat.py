"""The kinds of networks that people sit behind, as nftables rules of a router.

Mapping and filtering are named as in RFC 4787 and RFC 5780. Each router drops UDP that is addressed
to itself on the outside: otherwise an early packet of a peer would leave a trace there that moves
the mapping of ours to another port.
"""

from dataclasses import dataclass

# What RFC 5780 would find out behind each of them.
NONE = "none"
ENDPOINT = "endpoint-independent"
ADDRESS_AND_PORT = "address and port-dependent"
BLOCKED = "UDP blocked"


@dataclass(frozen=True)
class Behaviour:
    mapping: str
    filtering: str


BEHAVIOUR = {
    "open": Behaviour(NONE, ENDPOINT),
    "full-cone": Behaviour(ENDPOINT, ENDPOINT),
    "port-restricted": Behaviour(ENDPOINT, ADDRESS_AND_PORT),
    "symmetric": Behaviour(ADDRESS_AND_PORT, ADDRESS_AND_PORT),
    "blocked": Behaviour(BLOCKED, BLOCKED),
}
# No NAT for IPv6, and what RFC 6092 has in a simple router: nothing new comes in.
FIREWALL = Behaviour(NONE, ADDRESS_AND_PORT)


class UnknownNat(ValueError):
    """No such kind of network."""


@dataclass(frozen=True)
class Kind:
    """`symmetric`: IPv4 only. `v6`: IPv6 only. `symmetric+v6`: both. `symmetric+mapping`: with a router
    that maps ports when it is asked (PCP), and with `+old-mapping` one that knows NAT-PMP alone."""

    text: str

    def __post_init__(self):
        if self.v4 is not None and self.v4 not in BEHAVIOUR:
            raise UnknownNat(f"{self.text}: a network is one of {', '.join(BEHAVIOUR)}, v6, or one "
                             "of them with +v6 behind")

    @property
    def v4(self):
        if self.text == "v6":
            return None
        return self.text.removesuffix("+v6").removesuffix("+mapping").removesuffix("+old-mapping")

    @property
    def maps(self):
        """How the router maps ports: not at all, "new" or "old"."""
        return "new" if self.text.endswith("+mapping") else "old" if self.text.endswith("+old-mapping") else None

    @property
    def v6(self):
        return self.text == "v6" or self.text.endswith("+v6")

    @property
    def has_router(self):
        """A machine with a public address has no router of its own, nor a firewall for IPv6."""
        return self.v4 != "open"

    @property
    def udp(self):
        return self.v4 != "blocked"

    def behaviour(self, family):
        """As RFC 5780 names it; nothing where that family is missing."""
        if family == 4:
            return BEHAVIOUR[self.v4] if self.v4 else None
        if not self.v6:
            return None
        if self.v4 in ("blocked", "open"):
            return BEHAVIOUR[self.v4]
        return FIREWALL

    def rules(self, inside):
        """The router's rules. `inside` has an address and a range of ports for each client."""
        translation = ""
        if self.v4 == "full-cone":
            forwards = "\n".join(
                f'iifname "wan" udp dport {ports[0]}-{ports[1]} dnat to {address}'
                for address, ports in inside)
            translation = TRANSLATION.format(forwards=forwards, masquerade="masquerade")
        elif self.v4 == "symmetric":
            translation = TRANSLATION.format(forwards="", masquerade="masquerade fully-random")
        elif self.v4 in ("port-restricted", "blocked"):
            translation = TRANSLATION.format(forwards="", masquerade="masquerade")
        filters = []
        if self.maps:
            # What came through a mapping is welcome.
            filters.append("ct status dnat accept")
        if not self.udp:
            filters.append("meta l4proto udp drop")
        # Whatever comes in new through a full cone's translation is welcome.
        new = 'iifname "wan" ct state new'
        filters.append(f"{new} meta nfproto ipv6 drop" if self.v4 == "full-cone" else f"{new} drop")
        return FILTER.format(filters="\n".join(filters)) + translation


FILTER = """
table inet gate {{
chain input {{
type filter hook input priority filter
iifname "wan" meta l4proto udp drop
}}
chain forward {{
type filter hook forward priority filter
{filters}
}}
}}
"""

TRANSLATION = """
table ip translation {{
chain prerouting {{
type nat hook prerouting priority dstnat
{forwards}
}}
chain postrouting {{
type nat hook postrouting priority srcnat
oifname "wan" {masquerade}
}}
}}
"""


def port_ranges(count):
    """A full cone's outside ports, split among its clients; each binds within its own range."""
    if count == 1:
        return [(1024, 65535)]
    width = 50_000 // count
    return [(10_000 + width * index, 10_000 + width * (index + 1) - 1) for index in range(count)]


def can_be_punched(one, other):
    """Whether two can reach each other in one family or the other, if both send early enough."""
    if (one.maps or other.maps) and one.v4 and other.v4 and one.udp and other.udp:
        return True
    return any(fits(one.behaviour(family), other.behaviour(family)) for family in (4, 6))


def fits(one, other):
    if one is None or other is None or BLOCKED in (one.mapping, other.mapping):
        return False
    # A mapping for each destination cannot be foreseen by who lets in foreseen ports only.
    return not any(a.mapping == ADDRESS_AND_PORT and b.filtering == ADDRESS_AND_PORT
                   for a, b in ((one, other), (other, one)))


def routes(one, other):
    """The routes that a call between them may take, the best first."""
    if can_be_punched(one, other):
        return ["direct"]
    if one.udp and other.udp:
        # Direct where a port mapping or a prediction gets through.
        return ["relayed", "direct"]
    # Where one side has UDP the way may be a relay for that side; the other has its tunnel.
    return ["tunnelled", "relayed"] if one.udp or other.udp else ["tunnelled"]
