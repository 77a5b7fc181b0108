"""A router's helper that maps ports when it is asked: PCP (RFC 6887) and, on demand, NAT-PMP alone (RFC 6886).

Runs in a router's namespace and speaks nothing but the MAP of UDP ports and the question for the outside
address. Debian's miniupnpd would do, but refuses the addresses that the lab plays the internet with.
"""

import argparse
import ipaddress
import random
import socket
import struct
import subprocess
import time

PORT = 5351
PCP, NAT_PMP = 2, 0
MAP, UDP = 1, 17
UNSUPPORTED_VERSION = 1


class Mapper:
    def __init__(self, outside):
        self.outside = ipaddress.ip_address(outside)
        self.began = time.monotonic()
        # The outside port for each inner address and port.
        self.ports = {}

    def epoch(self):
        return int(time.monotonic() - self.began)

    def map(self, inner, port):
        if (inner, port) not in self.ports:
            self.ports[inner, port] = outer = random.randrange(50_000, 60_000)
            subprocess.run(["nft", "add", "rule", "ip", "translation", "prerouting", "iifname", "wan",
                            "udp", "dport", str(outer), "dnat", "to", f"{inner}:{port}"], check=True)
            print(f"{inner}:{port} is {self.outside}:{outer}", flush=True)
        return self.ports[inner, port]

    def pcp(self, asked):
        """An answer to a MAP request: its header with the bit of answers, then what it asked for with
        what it gets (sections 7.2 and 11.1)."""
        _, operation, lifetime = struct.unpack("!BB2xI", asked[:8])
        inner = ipaddress.IPv6Address(asked[8:24]).ipv4_mapped
        nonce, protocol, port = struct.unpack("!12sB3xH", asked[24:42])
        if operation != MAP or protocol != UDP or inner is None:
            return None
        outer = self.map(inner, port) if lifetime else 0
        outside = ipaddress.IPv6Address(f"::ffff:{self.outside}").packed
        return (struct.pack("!BBBBII12x", PCP, operation | 0x80, 0, 0, lifetime, self.epoch())
                + struct.pack("!12sB3xHH", nonce, protocol, port, outer) + outside)

    def nat_pmp(self, asked, source):
        if asked[1] == 0:
            return struct.pack("!BBHI4s", 0, 128, 0, self.epoch(), self.outside.packed)
        if asked[1] == 1:
            port, _, lifetime = struct.unpack("!HHI", asked[4:12])
            outer = self.map(source[0], port) if lifetime else 0
            return struct.pack("!BBHIHHI", 0, 129, 0, self.epoch(), port, outer, lifetime)
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inside", required=True)
    parser.add_argument("--outside", required=True)
    parser.add_argument("--old", action="store_true", help="NAT-PMP alone")
    options = parser.parse_args()
    mapper = Mapper(options.outside)
    served = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    served.bind((options.inside, PORT))
    print("ready", flush=True)
    while True:
        asked, source = served.recvfrom(1100)
        answer = None
        if len(asked) >= 60 and asked[0] == PCP and not options.old:
            answer = mapper.pcp(asked)
        elif len(asked) >= 24 and asked[0] == PCP:
            # What an older router says (RFC 6886, section 3.5).
            answer = struct.pack("!BBHI", 0, 128 + asked[1], UNSUPPORTED_VERSION, mapper.epoch())
        elif len(asked) >= 2 and asked[0] == NAT_PMP:
            answer = mapper.nat_pmp(asked, source)
        if answer:
            served.sendto(answer, source)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
