"""coturn: Debian's relay in place of the server's own, and its tools against the server's own."""

import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import time

import people
from arrivals import BINARY_FRAME, UDP, Capture, signalling
from callers import PORT
from calls import Call, unheard_by
from lab import OTHER_RELAY_V4, SERVER_V4, SERVER_V6

from . import Check, skipped
from .call import lab_for, pair

USER = pathlib.Path(__file__).resolve().parent.parent / "relay_user.py"
# Two voices' worth of packets from allocation to allocation, each without a second one for RTCP.
FLOWS = ("-y", "-c", "-n", "100", "-m", "2", "-l", "120")
SECRET = "a secret of the lab"
# How long the tunnel may go on after a call is connected.
TUNNEL_LASTS = 2.0
PROGRAMS = ("turnserver", "turnutils_stunclient", "turnutils_uclient")
CONFIGURATION = f"""
listening-ip={OTHER_RELAY_V4}
relay-ip={OTHER_RELAY_V4}
listening-port=3478
realm=lab
use-auth-secret
static-auth-secret={SECRET}
fingerprint
verbose
no-tls
no-dtls
no-cli
"""


def run(options):
    if missing := [program for program in PROGRAMS if not shutil.which(program)]:
        yield from skipped(f"{', '.join(missing)} not installed (package coturn)")
        return
    yield from tools(options)
    yield from second_address(options)
    yield relayed(options)


def tools(options):
    """The server's STUN and TURN answer coturn's clients."""
    with lab_for(options, "symmetric") as lab:
        lab.server.start()
        client = lab.client("alice", "symmetric")
        told = tool(client, "turnutils_stunclient", "-p", "3478", SERVER_V4[0])
        seen = re.search(r"UDP reflexive addr: (\S+):\d+", told)
        right = bool(seen) and seen[1] == client.network.site.public_v4
        yield Check(right, f"turnutils_stunclient is told {seen[1] if seen else 'nothing'}, behind "
                           f"{client.network.site.public_v4}")
        with participant(options, client) as relay:
            if relay is None:
                yield Check(False, "the 505 of a live call has no relay")
                return
            port = relay["urls"][0].split("?")[0].rpartition(":")[2]
            login = ("-u", relay["username"], "-w", relay["credential"], "-p", port)
            yield through("with the credentials of a live call",
                          tool(client, "turnutils_uclient", *FLOWS, *login, SERVER_V4[0]))
            wrong = ("-u", relay["username"], "-w", "x" + relay["credential"][1:], "-p", port)
            told = tool(client, "turnutils_uclient", *FLOWS, *wrong, SERVER_V4[0])
            yield refused("with a wrong credential", told)
        told = tool(client, "turnutils_uclient", *FLOWS, *login, SERVER_V4[0])
        yield refused("with those of a call that is over", told)


def second_address(options):
    """A server on all addresses answers from the one that was asked: behind a NAT that lets nothing else
    in, one cannot hear it otherwise."""
    with lab_for(options, "symmetric", "symmetric+v6") as lab:
        lab.server.start()
        client = lab.client("alice", "symmetric+v6")
        seen = {}
        for address in (*SERVER_V4, *SERVER_V6):
            told = tool(client, "turnutils_stunclient", "-p", "3478", address)
            found = re.search(r"UDP reflexive addr: \[?([0-9a-f.:]+?)\]?:\d+\s", told)
            seen[address] = found[1] if found else None
        right = all(told in (client.network.site.public_v4, client.network.v6) for told in seen.values())
        yield Check(right, "a server on all its addresses answers STUN at each: "
                           + ", ".join(f"{address} {told or 'no answer'}" for address, told in seen.items()))
        with participant(options, client) as relay:
            login = ("-u", relay["username"], "-w", relay["credential"], "-p", "3478")
            yield through("at the server's second address",
                          tool(client, "turnutils_uclient", *FLOWS, *login, SERVER_V4[1]))


def messages(told):
    """How many the tool sent and received; it counts aloud, and the last line is the sum."""
    counts = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", told)
    return tuple(map(int, counts[-1])) if counts else (0, 0)


def through(how, told):
    sent, received = messages(told)
    why = "" if sent else f" ({' '.join(told.split()[-12:]) or 'no answer'})"
    return Check(0 < sent == received, f"turnutils_uclient {how}: {received} of {sent} messages{why}")


def refused(how, told):
    _, received = messages(told)
    code = re.search(r"error (\d+)", told)
    return Check(received == 0, f"turnutils_uclient {how}: {received} messages"
                                + (f", error {code[1]}" if code else ""))


@contextlib.contextmanager
def participant(options, client):
    """The relay that a participant of a call is given, while the call goes on."""
    process = client.namespace.start(options.wire_python, USER, f"ws://{SERVER_V4[0]}:{PORT}/v1/ws",
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield json.loads(process.stdout.readline() or "null")
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def tool(client, *words):
    """What a tool of coturn says; some of them wait for ever where nobody answers."""
    done = subprocess.run([*client.namespace.prefix(), "timeout", "20", *words], text=True, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout


@contextlib.contextmanager
def coturn(lab):
    machine = lab.machine("relay", OTHER_RELAY_V4)
    settings = lab.folder / "turnserver.conf"
    log = lab.folder / "coturn.log"
    settings.write_text(CONFIGURATION + f"pidfile={lab.folder}/coturn.pid\nuserdb={lab.folder}/coturn.db\n"
                        f"log-file={log}\nsimple-log\n")
    relay = machine.start("turnserver", "-c", settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 5
        while not log.exists() or "UDP listener" not in log.read_text(errors="replace"):
            if time.monotonic() > until or relay.poll() is not None:
                raise people.Failure("coturn did not start")
            time.sleep(0.05)
        yield machine, log
    finally:
        relay.kill()
        relay.wait()


def relayed(options):
    """Two symmetric networks meet on coturn, told to by the server's configuration alone."""
    if not shutil.which("tcpdump"):
        return Check(False, "whether the server relays nothing cannot be seen: tcpdump is not installed")
    with lab_for(options, "symmetric") as lab, coturn(lab) as (machine, log):
        try:
            lab.server.start("--turn-url", f"turn:{OTHER_RELAY_V4}:3478", "--turn-secret", SECRET)
        except people.Failure as failure:
            return Check(False, f"the server takes --turn-url and --turn-secret: {failure}")
        alice, bob = pair(lab, "symmetric", "symmetric")
        people.befriend(alice, bob)
        captures = [Capture(namespace, "net0", lab.folder / f"{name}.pcap") for name, namespace in
                    (("server", lab.server.machine), ("coturn", machine))]
        call = Call(alice, bob)
        call.ring()
        call.finish()
        at_server, at_coturn = (capture.stop() for capture in captures)
        routes = call.routes()
        scores = call.scores()
        said = log.read_text(errors="replace")
    faults = unheard_by(scores)
    used = len(re.findall(r"ALLOCATE processed, success", said))
    faults += [f"{name}'s route is {taken[-1]}" for name, taken in routes.items() if taken[-1] != "relayed"]
    faults += ["coturn's log has no allocation for each"] if used < 2 else []
    voice = sum(packet.protocol == UDP for packet in at_coturn)
    sent = sum(side.ended["sent"] for side in call.sides)
    # Each packet comes in and goes out; the first ones took the tunnel.
    faults += [f"{voice} packets at coturn are too few for {sent}"] if voice < sent else []
    faults += served(at_server, lasts=max(side.connected["at"] for side in call.sides) + TUNNEL_LASTS)
    least = min(score["correlation"] for score in scores.values())
    took = " and ".join(" > ".join(taken) for taken in routes.values())
    return Check(not faults, "; ".join([f"two symmetric networks over coturn: {took}, correlation {least:.3f}, "
                                        f"{used} allocations in its log, {voice} packets; none by the server",
                                        *faults]))


def served(at_server, lasts):
    """What the server did for voice, in words: it is to answer STUN, and to help with the tunnel until
    the route over the relay has settled."""
    faults = []
    kinds = {packet.payload[:2] for packet in at_server if packet.protocol == UDP}
    if strange := kinds - {b"\x00\x01", b"\x01\x01"}:
        faults.append(f"the server deals in UDP packets that begin with {sorted(kind.hex() for kind in strange)}")
    if not kinds:
        faults.append("no STUN was captured at the server")
    late = sum(opcode == BINARY_FRAME and at > lasts for at, opcode, _ in signalling(at_server, PORT))
    if late:
        faults.append(f"the server passed {late} tunnelled frames on")
    return faults
