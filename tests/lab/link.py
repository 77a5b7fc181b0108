"""A cable of the lab that can be made worse while packets run over it."""

import json
import pathlib
import socket
import subprocess
import sys
from dataclasses import dataclass

from namespaces import LabError, Namespace

SHAPER = pathlib.Path(__file__).with_name("shaper.py")


@dataclass(frozen=True)
class Port:
    """Where a cable is plugged in: an interface that is a port of a bridge."""

    namespace: Namespace
    bridge: str
    interface: str


class Link:
    """A userspace link between a port and its bridge. Slid in while both are in use.

    `up` is towards the bridge, that is the internet; `down` is from there.
    """

    def __init__(self, folder, port, seed, shaper=SHAPER):
        self.port = port
        near, far = f"n-{port.interface}"[:15], f"f-{port.interface}"[:15]
        own = f"s-{port.interface}"[:15]
        control = folder / f"{own}.control"
        self.process = port.namespace.start(
            sys.executable, shaper, "--near", near, "--far", far, "--control", control,
            "--seed", f"{seed}:{port.interface}", stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise LabError(f"the link of {port.interface} did not start")
        port.namespace.ip(
            f"link add {own} type bridge mcast_snooping 0",
            *(f"link set {name} addrgenmode none" for name in (own, near, far)),
            f"link set {near} master {own}",
            f"link set {far} master {port.bridge}",
            *(f"link set {name} up" for name in (own, near, far)),
            f"link set {port.interface} master {own}")
        self.talk = socket.socket(socket.AF_UNIX)
        self.talk.connect(str(control))
        self.answers = self.talk.makefile("rb")

    def set(self, direction="both", **impairments):
        """From now on these impairments and no others; their names are the shaper's."""
        directions = ["up", "down"] if direction == "both" else [direction]
        self._ask({"directions": directions, "impairments": impairments})

    def cut(self):
        """Nothing passes any more, until something else is set."""
        self.set(cut=True)

    def counts(self):
        """For `up` and `down`, frames that passed, were lost and so on."""
        return self._ask({})

    def _ask(self, order):
        self.talk.sendall(json.dumps(order).encode() + b"\n")
        answer = json.loads(self.answers.readline())
        if "error" in answer:
            raise LabError(f"the link of {self.port.interface}: {answer['error']}")
        return answer

    def close(self):
        self.answers.close()
        self.talk.close()
        self.process.stdout.close()
        self.process.kill()
        self.process.wait()
