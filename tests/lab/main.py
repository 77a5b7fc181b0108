"""Runs scenarios in the lab; see tests/lab/run."""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import sys

import callers  # noqa: F401  (puts the quality tests on the path)
import namespaces
import people
import scenarios
from nat import UnknownNat
from scenarios import call, coturn, crash, first_sound, hold, matrix, move, privacy, selftest, server_kill

SCENARIOS = {
    "selftest": (selftest.run, "the lab proves itself: NATs, punching, links, hearing, clearing up; also "
                               "selftest:behaviours, :punching, :links, :hearing, :clearing_up"),
    "call": (call.run, "call:A:B: recorded speech both ways, A and B behind such networks; "
                       "call:same:A: two behind one router"),
    "matrix": (matrix.run, "call:A:B for every pair, as a table"),
    "first-sound": (first_sound.run, "from the accept to the first voice heard, at 50 ms to the server "
                                     "and 40 ms between the peers; also first-sound:A:B"),
    "move": (move.run, "move:two-networks and move:one-network: a client gets another address in "
                       "mid-call; also move:KIND:FROM:TO:PEER"),
    "privacy": (privacy.run, "no address of a user is in anything that the other side gets, unless it may be"),
    "server-kill": (server_kill.run, "the server is killed and restarted in mid-call"),
    "crash": (crash.run, "participants vanish without a word; a call without any path ends"),
    "coturn": (coturn.run, "coturn relays in place of the server, and its tools talk to ours"),
    "hold": (hold.run, "hold[:A:B...]: builds a lab with a server and clients and keeps it until Ctrl-C"),
}
ALL = ["selftest", "matrix", "first-sound", "move:two-networks", "move:one-network", "privacy", "server-kill",
       "crash", "coturn"]


def main():
    parser = argparse.ArgumentParser(prog="tests/lab/run", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="or `all`")
    parser.add_argument("--binaries", required=True, type=pathlib.Path)
    parser.add_argument("--wire-python", default=sys.executable, help="with the wire tests' packages")
    parser.add_argument("--list", action="store_true", help="name the scenarios")
    parser.add_argument("--runs", type=int, default=1, help="how often each is run")
    parser.add_argument("--pairs", help="for the matrix: open:symmetric,same:open,... instead of all")
    parser.add_argument("--jobs", type=int, default=1, help="for the matrix: pairs at once")
    parser.add_argument("--markdown", metavar="FILE", help="for the matrix and first-sound: write the table there, too")
    parser.add_argument("--seed", type=int, default=1, help="for the impairments of links")
    parser.add_argument("--keep", metavar="FOLDER", help="copy logs and recordings there")
    parser.add_argument("--json", action="store_true", help="one JSON object for each check")
    options = parser.parse_args()
    if options.list or not options.scenarios:
        for name, (_, about) in SCENARIOS.items():
            print(f"{name:12} {about}")
        print(f"{'all':12} {', '.join(ALL)}")
        return 0
    for caught in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(caught, leave)
    for identity in namespaces.sweep():
        print(f"cleared up after a runner that was killed: {identity}", file=sys.stderr)
    # It looks at networks, and not at how busy the machine is: all that it starts goes first.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
    names = [name for given in options.scenarios for name in (ALL if given == "all" else [given])]
    failed = passed = 0
    for name in names:
        for check in checks(name, options):
            passed += check.ok
            failed += not check.ok
            tell(name, check, options.json)
    if not options.json:
        print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def checks(name, options):
    kind, *details = name.split(":")
    if kind not in SCENARIOS:
        raise UnknownNat(f"no scenario {name}: --list names them")
    try:
        yield from SCENARIOS[kind][0](options, *details)
    except people.Failure as failure:
        yield scenarios.Check(False, str(failure))


def tell(name, check, as_json):
    if as_json:
        print(json.dumps({"scenario": name, "ok": check.ok, "text": check.text,
                          "record": check.record}), flush=True)
    else:
        print(f"{'ok  ' if check.ok else 'FAIL'} {name}: {check.text}", flush=True)


def leave(number, _frame):
    """Unwinds, so that every lab is taken down."""
    sys.exit(128 + number)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (UnknownNat, namespaces.LabError) as error:
        sys.exit(f"tests/lab: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
