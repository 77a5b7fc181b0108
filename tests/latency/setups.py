"""The programs that are measured, each as a pair that is in a call as long as its `with` block lasts."""

import contextlib
import pathlib
import sys
import time
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "quality"), str(HERE.parent / "lab")]
import baresip  # noqa: E402
import callers  # noqa: E402
import mumble  # noqa: E402
import people  # noqa: E402

NAMES = ("alice", "bob")
MURMUR = "203.0.113.40"


@dataclass(frozen=True)
class Setup:
    """A program with its settings."""

    name: str
    about: str
    kind: str
    bitrate: int
    settings: tuple = ()


SETUPS = {setup.name: setup for setup in (
    Setup("cooee", "defaults, all processing on", "cooee", 40_000),
    Setup("mumble", "defaults, transmitting all the time", "mumble", 40_000, mumble.DEFAULT),
    Setup("cooee-low", "--low-latency --processing off", "cooee", 24_000, ("--low-latency", "--processing", "off")),
    Setup("mumble-lowest", "all settings at the least delay, no processing", "mumble", 24_000, mumble.LOWEST),
    Setup("cooee-plain", "--processing off", "cooee", 24_000, ("--processing", "off")),
    Setup("baresip", "20 ms, its jitter buffer at its defaults", "baresip", 24_000),
)}


@contextlib.contextmanager
def in_call(setup, lab, room, options):
    """Runs the setup's programs in a call; the processes of the two clients, and of a server."""
    run = {"cooee": cooee, "mumble": mumbles, "baresip": phones}[setup.kind]
    with run(setup, lab, room, options) as processes:
        yield processes


class Talker(callers.Person):
    """A person whose `cooee` has the room's microphone and loudspeaker as its default devices."""

    def __init__(self, client, binary, room):
        super().__init__(client, binary)
        script = pathlib.Path(self.binary)
        sounds = room.sound_of(client.name)
        wanted = ("HOME", "PULSE_SERVER", "PULSE_SOURCE", "PULSE_SINK", "XDG_RUNTIME_DIR")
        exports = "".join(f"export {key}='{sounds[key]}'\n" for key in wanted)
        first, _, rest = script.read_text().partition("\n")
        script.write_text(f"{first}\n{exports}{rest}")


@contextlib.contextmanager
def cooee(setup, lab, room, options):
    lab.server.start()
    running = []
    try:
        talkers = [Talker(lab.clients[name], options.binaries / "cooee", room) for name in NAMES]
        people.befriend(*talkers)
        words = ("--bitrate", str(setup.bitrate // 1000), *setup.settings)
        answering = talkers[1].start("answer", *words)
        running.append(answering)
        answering.wait("ready")
        running.insert(0, talkers[0].start("call", talkers[1].name, *words))
        for one in running:
            one.wait("connected")
        yield [one.process.pid for one in running], lab.server.process.pid
        for one in running:
            if one.process.poll() is not None:
                raise people.Failure(f"{one.name}: the call is over: {one.seen('ended')}")
    finally:
        for one in running:
            one.give_up()
        lab.server.gone()


@contextlib.contextmanager
def mumbles(setup, lab, room, _options):
    with contextlib.ExitStack() as stack:
        machine = lab.machine("murmur", MURMUR)
        server = stack.enter_context(contextlib.closing(mumble.Server(machine, lab.folder, MURMUR)))
        screen = stack.enter_context(contextlib.closing(mumble.Screen(lab.internet, lab.folder)))
        clients = []
        for name in NAMES:
            client = mumble.Client(lab.clients[name], room, screen, server, setup.settings)
            clients.append(stack.enter_context(contextlib.closing(client)))
            # They open their sound at the same moment otherwise, and one of them fails at it.
            time.sleep(1)
        yield [client.process.pid for client in clients], server.process.pid


@contextlib.contextmanager
def phones(setup, lab, room, _options):
    both = baresip.call(lab, room, setup.bitrate)
    try:
        yield [phone.process.pid for phone in both], None
    finally:
        for phone in both:
            phone.close()
