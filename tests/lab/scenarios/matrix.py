"""matrix: every pair of networks, as a table."""

import ctypes
import json
import pathlib
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import nat
from calls import median

from . import Check
from .call import routes

MAIN = pathlib.Path(__file__).resolve().parent.parent / "main.py"
PR_SET_PDEATHSIG = 1
SAME = [("same", "port-restricted"), ("same", "symmetric"), ("same", "blocked")]
MAPPED = [("symmetric+mapping", "symmetric"), ("symmetric+old-mapping", "symmetric"),
          ("symmetric+mapping", "port-restricted")]
V6 = [("v6", "v6"), ("v6", "symmetric+v6"), ("symmetric+v6", "symmetric+v6"), ("blocked+v6", "v6"),
      ("v6", "open"), ("v6", "port-restricted")]


def every_pair():
    kinds = list(nat.BEHAVIOUR)
    pairs = [(one, other) for index, one in enumerate(kinds) for other in kinds[index:]]
    return pairs + MAPPED + V6 + SAME


def run(options):
    wanted = [tuple(pair.split(":")) for pair in options.pairs.split(",")] if options.pairs else every_pair()
    started = time.monotonic()
    rows = []
    # A process for each pair, as they run at once: a lab belongs to its process.
    running = Children(options)
    try:
        with ThreadPoolExecutor(options.jobs) as pool:
            try:
                for pair, checks in zip(wanted, pool.map(running.call, wanted)):
                    row = Row(pair, checks)
                    rows.append(row)
                    yield Check(row.passed == len(checks), row.sentence(), row.record())
            except BaseException:
                running.stop()
                pool.shutdown(cancel_futures=True)
                raise
    finally:
        table = markdown(rows)
        if rows and not options.json:
            print(f"\n{table}\n{sum(len(row.checks) for row in rows)} calls in "
                  f"{time.monotonic() - started:.0f} s")
        if rows and options.markdown:
            pathlib.Path(options.markdown).write_text(table)


class Children:
    """The runners of single pairs. They do not outlive this process, and take their labs down."""

    def __init__(self, options):
        self.options = options
        self.processes = set()
        self.stopped = False
        self.libc = ctypes.CDLL(None)

    def call(self, pair):
        command = [sys.executable, MAIN, "--binaries", self.options.binaries, "--json", "--runs",
                   str(self.options.runs), "--seed", str(self.options.seed), "call:" + ":".join(pair)]
        if self.options.keep:
            command += ["--keep", self.options.keep]
        if self.stopped:
            return []
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, text=True,
            preexec_fn=lambda: self.libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM))
        self.processes.add(child)
        told, complaints = child.communicate()
        self.processes.discard(child)
        checks = [json.loads(line) for line in told.splitlines()]
        if len(checks) < self.options.runs:
            why = complaints.strip().splitlines()[-1:] or [f"exit status {child.returncode}"]
            checks.append({"ok": False, "text": f"the lab failed: {why[0]}", "record": None})
        return checks

    def stop(self):
        self.stopped = True
        for child in list(self.processes):
            child.terminate()


class Row:
    """One pair of networks and its calls."""

    def __init__(self, pair, checks):
        self.pair = pair
        self.checks = checks
        self.expected = routes(*pair)
        self.passed = sum(check["ok"] for check in checks)
        records = [check["record"] for check in checks if check["record"]]
        done = [record for record in records if "scores" in record]
        self.connected = len(done)
        self.routed = sum(all(route[-1] in self.expected for route in record["routes"].values())
                          for record in done)
        self.taken = sorted({" > ".join(route) for record in done for route in record["routes"].values()})
        # The slower side of each call, and the worse ear.
        self.ms = median([max(record["ms"].values()) for record in done])
        self.pesq = min((score["pesq"] for record in done for score in record["scores"].values()),
                        default=float("nan"))
        self.correlation = min((score["correlation"] for record in done
                                for score in record["scores"].values()), default=float("nan"))

    def name(self):
        return f"two behind one {self.pair[1]}" if self.pair[0] == "same" else " and ".join(self.pair)

    def record(self):
        return {"pair": self.pair, "runs": len(self.checks), "passed": self.passed,
                "connected": self.connected, "routes": self.taken, "expected": self.expected,
                "ms": self.ms, "pesq": self.pesq, "correlation": self.correlation}

    def sentence(self):
        faults = sorted({check["text"] for check in self.checks if not check["ok"]})
        text = (f"{self.name()}: {self.passed} of {len(self.checks)}, {', '.join(self.taken) or 'no route'}, "
                f"{self.ms:.0f} ms, correlation {self.correlation:.3f}, PESQ {self.pesq:.2f}")
        return "\n       ".join([text, *faults])


def markdown(rows):
    head = ["networks", "connected", "route", "expected", "so routed", "accept to path, ms (median)",
            "correlation (least)", "PESQ-WB (least)", "unbroken speech"]
    lines = [head] + [
        [row.name(), f"{row.connected}/{len(row.checks)}", ", ".join(row.taken) or "none",
         " or ".join(row.expected), f"{row.routed}/{len(row.checks)}", *(figure(value, digits) for value, digits in
                                      ((row.ms, 0), (row.correlation, 3), (row.pesq, 2))),
         f"{row.passed}/{len(row.checks)}"] for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    return "".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |\n"
                   for line in lines)


def figure(value, digits):
    return "" if value != value else f"{value:.{digits}f}"
