"""The lab proves itself, without the product: NATs, punching, links, hearing, clearing up."""

import contextlib
import json
import pathlib
import signal
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import nat
import namespaces
import numpy
import speech
from calls import score, unheard, words
from lab import SERVER_V4, SERVER_V6, Lab

from . import Check

HERE = pathlib.Path(__file__).resolve().parent.parent
PROBE = HERE / "probe.py"
ECHO = HERE / "echo.py"
KINDS = [*nat.BEHAVIOUR, "v6", "symmetric+v6"]
# Four flows one way and four the other are eight voices of a group call.
FLOWS = 8
PARTS = ("behaviours", "punching", "links", "hearing", "clearing_up")


def run(options, *parts):
    for part in parts or PARTS:
        if part not in PARTS:
            raise namespaces.LabError(f"no part {part}: {', '.join(PARTS)}")
        yield from globals()[part](options)


def json_of(process):
    return json.loads(process.stdout.readline())


@contextlib.contextmanager
def serving(lab):
    """Probe servers on both addresses of the server's machine, in both families."""
    probe = lab.server.machine.start(sys.executable, PROBE, "serve", "--servers",
                                     *SERVER_V4, *SERVER_V6, stdout=subprocess.PIPE)
    probe.stdout.readline()
    try:
        yield
    finally:
        probe.kill()
        probe.wait()
        probe.stdout.close()


def behaviours(options):
    """Every kind of network is what its name says, also for a second client behind it."""
    with Lab(options.seed, v6=True) as lab, serving(lab), ThreadPoolExecutor(4) as pool:
        asked = []
        for index, kind in enumerate(KINDS):
            first = lab.client(f"first{index}", kind)
            clients = [first]
            if first.network.site.router:
                clients.append(lab.client(f"second{index}", behind=first.name))
            for place, client in enumerate(clients):
                for family in (4, 6):
                    local = client.network.v4 if family == 4 else client.network.v6
                    if local:
                        asked.append((kind, place, family, pool.submit(behaviour, client, family)))
        for kind, place, family, answer in asked:
            found = answer.result()
            expected = nat.Kind(kind).behaviour(family)
            right = (found["mapping"], found["filtering"]) == (expected.mapping, expected.filtering)
            which = "second client" if place else "first client"
            yield Check(right and found["tcp"],
                        f"{kind}, IPv{family}, {which}: mapping {found['mapping']}, filtering "
                        f"{found['filtering']}, TCP {'passes' if found['tcp'] else 'is blocked'}"
                        + ("" if right else f"; expected {expected}"))


def behaviour(client, family):
    local, servers = ((client.network.v4, SERVER_V4) if family == 4
                      else (client.network.v6, SERVER_V6))
    return json.loads(client.namespace.run(sys.executable, PROBE, "ask", "--servers", *servers,
                                           "--local", local))


def punching(options):
    """Plain sockets get through exactly where `nat.can_be_punched` says so, each way round."""
    pairs = [(one, other) for index, one in enumerate(nat.BEHAVIOUR)
             for other in list(nat.BEHAVIOUR)[index:]] + [("v6", "v6")]
    kinds = [*nat.BEHAVIOUR, "v6"]
    with Lab(options.seed, v6=True) as lab, serving(lab):
        left, right = ({kind: lab.client(f"{side}{index}", kind) for index, kind in enumerate(kinds)}
                       for side in ("left", "right"))
        for index, kind in enumerate(kinds):
            if left[kind].network.site.router:
                through = punch((left[kind], lab.client(f"beside{index}", behind=left[kind].name)))
                yield Check(through == [True] * 2, f"two behind one {kind}: plain sockets {said(through)}")
        for one, other in pairs:
            through = punch((left[one], right[other]))
            expected = nat.can_be_punched(nat.Kind(one), nat.Kind(other))
            yield Check(through == [expected] * 2,
                        f"{one} with {other}: plain sockets {said(through)}"
                        + ("" if through == [expected] * 2 else f", expected: {said([expected] * 2)}"))


def said(through):
    if len(set(through)) == 1:
        return "get through" if through[0] else "do not get through"
    return f"get through one way only ({through})"


def punch(pair):
    family = 4 if pair[0].network.v4 else 6
    processes = []
    for client in pair:
        local, server = ((client.network.v4, SERVER_V4[0]) if family == 4
                         else (client.network.v6, SERVER_V6[0]))
        processes.append(client.namespace.start(
            sys.executable, PROBE, "punch", "--servers", server, "--local", local,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    told = [json_of(process) for process in processes]
    for process, peer in zip(processes, reversed(told)):
        process.stdin.write(json.dumps([peer["mapped"], peer["host"]]).encode() + b"\n")
        process.stdin.close()
    through = [json_of(process)["answered"] for process in processes]
    for process in processes:
        process.wait()
        process.stdout.close()
    return through


def links(options):
    """The userspace link does what it is told, under the load of a group call, and no more."""
    with Lab(options.seed) as lab:
        client = lab.client("alice", "open")
        target = lab.server.machine.start(sys.executable, ECHO, "answer", "--at", SERVER_V4[0],
                                          stdout=subprocess.PIPE)
        target.stdout.readline()

        def flows(seconds=3):
            return json.loads(client.namespace.run(
                sys.executable, ECHO, "ask", "--at", SERVER_V4[0], "--flows", FLOWS,
                "--seconds", seconds))

        bare = flows()
        link = lab.link("alice")
        idle = flows()
        added = idle["median_ms"] - bare["median_ms"]
        spread = idle["p99_ms"] - idle["median_ms"]
        yield Check(added < 1 and spread < 1,
                    f"{FLOWS} flows of 50 packets/s each way: the link adds {added:.2f} ms to the round "
                    f"trip; 99 % are within {spread:.2f} ms of the median, without the link "
                    f"{bare['p99_ms'] - bare['median_ms']:.2f} ms")
        link.set(delay_ms=40)
        late = flows()
        spread = late["p99_ms"] - late["median_ms"]
        yield Check(80 <= late["median_ms"] < 82 and spread < 1,
                    f"40 ms one way: round trip {late['median_ms']:.2f} ms, 99 % within {spread:.2f} ms "
                    f"of it, worst {late['worst_ms']:.2f} ms")
        link.set(delay_ms=40, jitter_ms=10)
        spread = statistics.pstdev((found := flows())["round_trips_ms"])
        # Two evenly spread delays of +-10 ms: each has a deviation of 10/sqrt(3).
        yield Check(6.5 < spread < 10 and not found["overtaken"],
                    f"10 ms of jitter each way: deviation of the round trip {spread:.1f} ms (8.2 expected), "
                    "nothing overtaken")
        link.set(loss=0.1)
        lost = flows()["lost"]
        yield Check(0.13 < lost < 0.25,
                    f"10 % of loss each way: {lost:.1%} without an answer (19 % expected)")
        link.set()
        link.set(direction="up", loss=0.1, burst=4)
        lost = flows(5)["lost"]
        link.set()
        yield Check(0.04 < lost < 0.18, f"10 % of loss in bursts of 4, one way: {lost:.1%}")
        link.set(direction="up", reorder=0.2, reorder_ms=30)
        overtaken = flows()["overtaken"]
        link.set()
        yield Check(0.13 < overtaken < 0.27, f"20 % held back by 30 ms: {overtaken:.1%} were overtaken")
        # 8 flows of 50 packets of 202 octets with all headers are 646 kbit/s.
        link.set(direction="up", rate_kbit=323, queue_ms=100)
        found = flows()
        link.set()
        yield Check(0.40 < found["lost"] < 0.56 and 80 < found["worst_ms"] < 130,
                    f"half the bandwidth that is needed, 100 ms of queue: {found['lost']:.0%} dropped, "
                    f"worst round trip {found['worst_ms']:.0f} ms")
        link.cut()
        cut = flows(1)["lost"]
        link.set()
        back = flows(1)["lost"]
        yield Check((cut, back) == (1, 0), f"cut: {cut:.0%} lost; mended: {back:.0%}")
        target.kill()
        target.wait()
        target.stdout.close()


def hearing(options):
    """The judge of what is heard lets pass what a jitter buffer does, and nothing that loses speech."""
    said = words("alice")
    frame, second = speech.RATE // 50, speech.RATE
    loudest = int(numpy.abs(said.astype(int)).argmax()) // frame
    rng = numpy.random.default_rng(options.seed)

    def without(lost):
        """Frames for which `lost` is true are silent."""
        heard = said.copy()
        for index in range(len(said) // frame):
            if lost(index):
                heard[index * frame:(index + 1) * frame] = 0
        return heard

    fine = {
        "as it was said, a little later": numpy.concatenate([numpy.zeros(second // 5, numpy.int16), said]),
        "20 ms longer from the middle on": numpy.insert(said, len(said) // 2, numpy.zeros(frame)),
        "20 ms shorter from the middle on": numpy.delete(said, slice(len(said) // 2, len(said) // 2 + frame)),
        "noise a tenth as loud": (said + rng.normal(0, numpy.std(said) / 10, len(said))).astype(numpy.int16),
    }
    bad = {
        "every other second lost": without(lambda index: index // 50 % 2),
        "every other frame lost": without(lambda index: index % 2),
        "every fifth frame lost": without(lambda index: index % 5 == 0),
        "a tenth of a second lost": without(lambda index: loudest - 2 <= index <= loudest + 2),
        "the second half lost": said[:len(said) // 2],
        "the first second lost": without(lambda index: index < 50),
        "the words of somebody else": words("bob"),
        "silence": numpy.zeros_like(said),
        "noise": rng.normal(0, numpy.std(said), len(said)).astype(numpy.int16),
    }
    for name, heard in (fine | bad).items():
        fault = unheard(score(said, numpy.append(heard, numpy.zeros(second // 2, numpy.int16))))
        yield Check(bool(fault) == (name in bad), f"{name}: {fault or 'heard'}")


def clearing_up(options):
    """A lab leaves nothing behind however its runner ends: by a signal, or killed with its guard."""
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        runner = hold(options)
        identity = json_of(runner)["identity"]
        runner.send_signal(sent)
        runner.wait()
        runner.stdout.close()
        left = leftovers_after(identity, 5)
        yield Check(not left, f"{sent.name} to the runner: {left or 'nothing'} is left behind")
    runner = hold(options)
    told = json_of(runner)
    for process in ("guard", "runner"):
        namespaces.command("kill", "-KILL", told[process])
    runner.wait()
    runner.stdout.close()
    time.sleep(0.2)
    before = leftovers(told["identity"])
    swept = namespaces.sweep()
    left = leftovers(told["identity"])
    yield Check(bool(before) and told["identity"] in swept and not left,
                f"SIGKILL to the runner and its guard: the next run clears up {len(before)} things, "
                f"{left or 'nothing'} is left behind")


def hold(options):
    return subprocess.Popen([sys.executable, HERE / "main.py", "--binaries", options.binaries, "hold"],
                            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)


def leftovers(identity):
    found = [name for name in namespaces.existing()
             if name.startswith(f"{namespaces.PREFIX}{identity}-")]
    found += [str(path) for place in (namespaces.ROOT, namespaces.FOLDERS) for path in place.glob(f"{identity}*")]
    listing = namespaces.command("ps", "-eo", "pid,args")
    return found + [line.strip() for line in listing.splitlines()
                    if f"{namespaces.PREFIX}{identity}-" in line or f"{namespaces.FOLDERS}/{identity}/" in line]


def leftovers_after(identity, seconds):
    """What is left when the guard has had time."""
    until = time.monotonic() + seconds
    while (left := leftovers(identity)) and time.monotonic() < until:
        time.sleep(0.05)
    return left
