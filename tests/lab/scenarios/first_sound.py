"""first-sound: how long after the accept the first voice is heard."""

import itertools
import pathlib

import nat
import people
from calls import Call, first_sound, median, without_pauses

from . import Check
from .call import lab_for, pair

# Every pair of the kinds, and IPv6 with itself and with IPv4.
PAIRS = [*itertools.combinations_with_replacement(nat.BEHAVIOUR, 2), ("v6", "v6"), ("v6", "port-restricted")]
# One way, on the cables: 50 ms from a client to the server, 40 ms from client to client.
CLIENT_MS, SERVER_MS = 20, 30
ROUND_TRIP_SERVER = 2 * (CLIENT_MS + SERVER_MS)
ROUND_TRIP_PEERS = 2 * (CLIENT_MS + CLIENT_MS)
ALLOWED_MS = ROUND_TRIP_SERVER + 1.5 * ROUND_TRIP_PEERS + 60
SECONDS = 2.0


def run(options, *named):
    pairs = PAIRS
    if named:
        pairs = [named]
    elif options.pairs:
        pairs = [tuple(one.split(":")) for one in options.pairs.split(",")]
    rows = []
    for one, other in pairs:
        check = measured(options, one, other)
        rows.append(check.record)
        yield check
    if options.markdown:
        pathlib.Path(options.markdown).write_text(markdown(rows))


def markdown(rows):
    lines = ["| networks | calls | first voice heard, ms (median) | worst | sound open, ms | path, ms |",
             "|---|---:|---:|---:|---:|---:|"]
    for row in rows:
        sides = [side for steps in row["runs"] for side in steps.values()]
        heard, opened, path = ([side[step] for side in sides] for step in ("heard", "sound open", "path"))
        lines.append(f"| {' and '.join(row['pair'])} | {len(row['runs'])} | {median(heard):.0f} "
                     f"| {max(heard, default=0):.0f} | {median(opened):.0f} | {median(path):.0f} |")
    return "\n".join(lines) + "\n"


def measured(options, one, other):
    runs, failures = [], []
    with lab_for(options, one, other) as lab:
        lab.server.start()
        alice, bob = pair(lab, one, other)
        people.befriend(alice, bob)
        lab.link("server").set(delay_ms=SERVER_MS)
        for name in ("alice", "bob"):
            lab.link(name).set(delay_ms=CLIENT_MS)
        for number in range(options.runs):
            try:
                runs.append(heard(alice, bob, number))
            except people.Failure as failure:
                failures.append(str(failure))
    heard_ms = [side["heard"] for steps in runs for side in steps.values()]
    record = {"pair": (one, other), "runs": runs, "median_ms": median(heard_ms), "allowed_ms": ALLOWED_MS}
    text = f"{one} and {other}: "
    if runs:
        text += (f"first voice heard {median(heard_ms):.0f} ms after the accept (median; worst "
                 f"{max(heard_ms):.0f}; allowed {ALLOWED_MS:.0f}); " + attributed(runs))
    text += "; ".join(failures[:1])
    return Check(not failures and median(heard_ms) <= ALLOWED_MS, text, record)


def heard(alice, bob, number):
    """For each side, the milliseconds from the accept to each step, and what they are made of."""
    voices = {name: without_pauses(name, SECONDS + 2) for name in ("alice", "bob")}
    call = Call(alice, bob, voices, number)
    call.ring(SECONDS)
    call.finish()
    steps = {}
    traces = {side.name: side.person.steps() for side in call.sides}
    for side, other in (call.sides, reversed(call.sides)):
        first = first_sound(side.recording())
        if first is None:
            raise people.Failure(f"{side.name} heard nothing at all")
        at = side.heard_at(first)
        steps[side.name] = {
            "path": (side.connected["at"] - call.accepted_at) * 1000,
            "sound open": (side.heard_at(0) - call.accepted_at) * 1000,
            "heard": (at - call.accepted_at) * 1000,
            "shares": shares(call.accepted_at, traces[other.name], traces[side.name], at),
            "trace": {step: (then - call.accepted_at) * 1000 for step, then in traces[side.name].items()},
        }
    return steps


def shares(accepted, speaker, listener, heard_at):
    """The milliseconds between the accept and the sound, by what the time went into, from the logs of
    both: each share ends where the next one begins."""
    try:
        ends = [(name, trace[step]) for name, trace, step in (
            ("signalling", speaker, "507 received"), ("keys", speaker, "keys agreed"),
            ("opening sound", speaker, "sound open"), ("first frame", speaker, "first frame sent"),
            ("on the way", listener, "first frame received"))]
    except KeyError as missing:
        raise people.Failure(f"the log has no step {missing}") from None
    ends.append(("playout", heard_at))
    found, before = {}, accepted
    for name, end in ends:
        found[name] = (end - before) * 1000
        before = end
    return found


def attributed(runs):
    """Where the time went, by side: the steps since the accept, then what `heard` is made of."""
    told = []
    for who, name in (("caller:", "alice"), ("callee:", "bob")):
        sides = [steps[name] for steps in runs]
        steps = ", ".join(f"{step} {median([side[step] for side in sides]):.0f}"
                          for step in ("path", "sound open", "heard"))
        parts = " + ".join(f"{part} {median([side['shares'][part] for side in sides]):.0f}"
                           for part in sides[0]["shares"])
        told.append(f"{who} {steps} ({parts})")
    return "; ".join(told)
