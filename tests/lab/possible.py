"""Whether this machine lets us build the lab, tried out; with the standard library alone."""

import os
import shutil
import sys

import namespaces

PACKAGES = {"ip": "iproute2", "nft": "nftables"}
NOT_HERE = 75


def why_not():
    """A sentence, or nothing."""
    if sys.platform != "linux":
        return f"network namespaces are Linux's, and this is {sys.platform}"
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program, package in PACKAGES.items():
        if not shutil.which(program):
            return f"{program} is not installed (package {package})"
    try:
        namespaces.sweep()
        claim = namespaces.Claim()
    except (namespaces.LabError, OSError) as error:
        return f"nothing can be set up here: {error}"
    try:
        return tried(claim)
    except (namespaces.LabError, OSError) as error:
        return str(error)
    finally:
        claim.release()


def tried(claim):
    one, other = claim.namespace("one"), claim.namespace("other")
    one.ip(f"link add wan type veth peer name lan netns {other.name}", "link add br0 type bridge",
           "tuntap add tap0 mode tap")
    other.nft("table ip nat {\n chain post {\n type nat hook postrouting priority srcnat\n"
              " masquerade fully-random\n }\n}\n")
    if not os.path.exists("/dev/net/tun"):
        return "/dev/net/tun is missing"
    return None


if __name__ == "__main__":
    if why := why_not():
        print(f"skipped: {why}")
        sys.exit(NOT_HERE)
