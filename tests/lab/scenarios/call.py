"""call:A:B: a call with recorded speech both ways."""

import contextlib
import os

import nat
import people
from calls import Call, unheard
from lab import Lab

from . import Check

LEAST_PESQ = 3.5
COUNTS = ("sent", "received", "lost", "late", "concealed", "recovered", "dropped")


def run(options, one, other):
    with lab_for(options, one, other) as lab:
        lab.server.start()
        alice, bob = pair(lab, one, other)
        people.befriend(alice, bob)
        expected = routes(one, other)
        for number in range(options.runs):
            yield check(alice, bob, expected, number)


def lab_for(options, *kinds):
    v6 = any("v6" in kind for kind in kinds)
    return Lab(options.seed, options.binaries.resolve(), v6=v6, keep=options.keep)


def pair(lab, one, other):
    """Alice and bob behind such networks; `same` and a kind puts both behind one router."""
    if one == "same":
        lab.client("alice", other)
        lab.client("bob", behind="alice")
    else:
        lab.client("alice", one)
        lab.client("bob", other)
    return lab.clients["alice"].person(), lab.clients["bob"].person()


def routes(one, other):
    # Behind one router nothing is between the two.
    return ["direct"] if one == "same" else nat.routes(nat.Kind(one), nat.Kind(other))


@contextlib.contextmanager
def aside():
    """Steps back: what is worked out here must not disturb the voice in another lab."""
    policy, before = os.sched_getscheduler(0), os.sched_getparam(0)
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.setpriority(os.PRIO_PROCESS, 0, 19)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        os.sched_setscheduler(0, policy, before)


def check(alice, bob, expected, number):
    call = Call(alice, bob, number=number)
    record = {"expected": expected}
    try:
        call.ring()
        record["ms"] = {side.name: side.connected["ms_since_accept"] for side in call.sides}
        call.finish()
        record["routes"] = call.routes()
        with aside():
            record["scores"] = call.scores()
        record["counts"] = {side.name: {name: side.ended[name] for name in COUNTS} for side in call.sides}
    except people.Failure as failure:
        return Check(False, f"{failure} (expected: {' or '.join(expected)})", record)
    # A call may begin on a relay; what counts is where it went.
    final = {name: taken[-1] for name, taken in record["routes"].items()}
    scores = record["scores"]
    faults = [f"{name}'s route is {route}, not {' or '.join(expected)}"
              for name, route in final.items() if route not in expected]
    faults += [f"{name} {fault} {record['counts'][name]}" for name, score in scores.items()
               if (fault := unheard(score))]
    faults += [f"{name}'s PESQ is below {LEAST_PESQ} {record['counts'][name]}" for name, score in scores.items()
               if score["pesq"] < LEAST_PESQ]
    text = ", ".join(
        f"{name} {' > '.join(record['routes'][name])} after {record['ms'][name]:.0f} ms, "
        f"correlation {score['correlation']:.3f}, PESQ {score['pesq']:.2f}"
        for name, score in scores.items())
    return Check(not faults, "; ".join([text, *faults]), record)
