"""Recorded speech through real calls over a link that loses, delays and reorders; see `impaired`."""

import argparse
import concurrent.futures
import json
import pathlib
import queue
import signal
import statistics
import sys
import time

import people
import speech
from cells import BOUNDS, DEFAULT, KINDS, TARGETS, cells

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))
import callers  # noqa: E402
import namespaces  # noqa: E402
from calls import Call  # noqa: E402
from lab import Lab  # noqa: E402
from link import Link  # noqa: E402

NAMES = ("alice", "bob")
# From the connection to the end of the call, beyond the speech.
MARGIN = 1.5


class Talker(callers.Person):
    """A person whose calls take further options."""

    extra = ()

    def start(self, *words):
        return super().start(*words, *self.extra)


class Cooee:
    """Two `cooee` processes and a server, with the link at alice's machine."""

    name = "cooee"

    def __init__(self, options):
        self.lab = Lab(0, options.binaries, keep=options.keep)
        try:
            self.lab.server.start()
            for name in NAMES:
                self.lab.client(name)
            self.persons = [Talker(self.lab.clients[name], options.binaries / "cooee") for name in NAMES]
            for person in self.persons:
                person.extra = bitrate_options(options)
            people.befriend(*self.persons)
            self.link = Link(self.lab.folder, self.lab.clients["alice"].network.port, 0,
                             HERE / "voice_shaper.py")
        except BaseException:
            self.lab.close()
            raise
        self.lab.links["voice"] = self.link
        self.number = 0

    def close(self):
        self.lab.close()

    def talk(self, cell, seed):
        """One call; for each side what was said and heard, and the counts of the link."""
        self.number += 1
        call = Call(*self.persons, {name: speech.spoken(name) for name in NAMES}, self.number)
        seconds = max(len(side.said) for side in call.sides) / speech.RATE + MARGIN
        if cell.is_lossless:
            # So is the path from the first packet on: only loss would spoil the ringing.
            impair(self.link, cell, seed)
        try:
            call.ring(seconds)
        except people.Failure as failure:
            raise people.Failure(f"{failure}{errors(call)}") from None
        impair(self.link, cell, seed)
        time.sleep(seconds - 0.3)
        counts = self.link.counts()
        # The farewell is no part of what is measured.
        self.link.set()
        call.finish()
        return {
            "heard": [(other.said, side.recording())
                      for side, other in (call.sides, call.sides[::-1])],
            "counts": counts,
            "stats": [{key: side.ended[key] for key in
                       ("sent", "received", "lost", "late", "concealed", "recovered")}
                      for side in call.sides],
            "rerouted": any(set(taken) != {"direct"} for taken in call.routes().values()),
        }


def errors(call):
    """What either program itself gave as its reason."""
    told = [f"{side.name}: {event}" for side in call.sides if side.running
            for event in side.running.seen("error")]
    return "".join(f"; {one}" for one in told)


def bitrate_options(options):
    """The product's option for the bitrate, which is in kbit/s."""
    return "--bitrate", str(options.bitrate // 1000)


def impair(link, cell, seed):
    """Both directions, each with draws of its own."""
    for direction in ("up", "down"):
        link.set(direction, **cell.impairments, seed=f"{seed}:{direction}")


def scored(talk):
    """What a call comes to; nothing of it is as long as a recording."""
    scores = [speech.score(said, heard) for said, heard in talk["heard"]]
    counts = list(talk["counts"].values())
    seconds = [count["voice_seconds"] or float("nan") for count in counts]
    return {
        "pesq": [score["pesq"] for score in scores],
        "stoi": [score["stoi"] for score in scores],
        # Both sides began at moments of their own: in the mean of the two lags that cancels out.
        "lag_ms": talk.get("lag_ms") or statistics.mean(score["lag"] for score in scores) * 1000,
        "wire_kbit": statistics.mean(c["voice_octets"] * 8 / s / 1000 for c, s in zip(counts, seconds)),
        "payload_kbit": statistics.mean(
            c["payload_octets"] * 8 / s / 1000 for c, s in zip(counts, seconds)),
        "lost": sum(c["voice_lost"] for c in counts) / max(1, sum(c["voice"] for c in counts)),
        "rerouted": talk.get("rerouted", False),
        "stats": talk.get("stats"),
    }


def worker(make, options, jobs, tell):
    """Takes calls from the queue until there are none, all in one lab."""
    pair = make(options)
    try:
        while True:
            try:
                cell, seed = jobs.get_nowait()
            except queue.Empty:
                return
            try:
                tell(pair.name, cell, seed, scored(pair.talk(cell, seed)))
            except (people.Failure, ValueError, OSError, IndexError) as failure:
                tell(pair.name, cell, seed, {"failure": f"{type(failure).__name__}: {failure}"})
    finally:
        pair.close()


def measure(makers, options):
    """Every cell with every seed, for each of those who can talk; results by name and cell."""
    results = {}

    def tell(name, cell, seed, result):
        results.setdefault((name, cell.text), []).append(result)
        told = result.get("failure") or (
            f"PESQ {' '.join(f'{one:.2f}' for one in result['pesq'])}, lost {result['lost']:.1%}, "
            f"lag {result['lag_ms']:.0f} ms, {result['wire_kbit']:.1f} kbit/s")
        print(f"{name} {cell.text} seed {seed}: {told}", file=sys.stderr, flush=True)

    for make in makers:
        jobs = queue.SimpleQueue()
        for seed in range(1, options.seeds + 1):
            for cell in options.cells:
                jobs.put((cell, seed))
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            try:
                for done in [pool.submit(worker, make, options, jobs, tell) for _ in range(options.jobs)]:
                    done.result()
            except BaseException:
                # The calls under way end, and take their labs down; no other begins.
                while not jobs.empty():
                    jobs.get()
                raise
    return results


HEAD = ["who", "cell", "calls", "PESQ-WB mean", "min", "STOI", "lost on the link", "payload kbit/s",
        "on the wire kbit/s", "added delay ms", "target"]


def rows(results, options):
    """The table's rows, and what falls short."""
    table, short = [], []
    names = list(dict.fromkeys(name for name, _ in results))
    for name in names:
        clean = lag_of(results.get((name, "clean"), []))
        for cell in options.cells:
            found = results.get((name, cell.text), [])
            good = [one for one in found if "failure" not in one]
            if len(good) < len(found):
                short.append(f"{name} {cell.text}: {len(found) - len(good)} of {len(found)} calls failed")
            if not good:
                table.append([name, cell.text, f"0/{len(found)}"] + ["-"] * 8)
                continue
            pesq = [one for result in good for one in result["pesq"]]
            mean = statistics.mean(pesq)
            lag = lag_of(good)
            moved = sum(one["rerouted"] for one in good)
            table.append([
                name, cell.text, f"{len(good)}/{len(found)}" + (f", {moved} off the path" if moved else ""),
                f"{mean:.2f}", f"{min(pesq):.2f}",
                f"{statistics.mean(s for one in good for s in one['stoi']):.3f}",
                f"{statistics.mean(one['lost'] for one in good):.1%}",
                f"{statistics.mean(one['payload_kbit'] for one in good):.1f}",
                f"{statistics.mean(one['wire_kbit'] for one in good):.1f}",
                "-" if clean is None else f"{lag - clean:+.0f}",
                "" if cell.target is None else f"{cell.target:.1f}"])
            least = BOUNDS.get(cell.text) if options.bounds else cell.target
            if name == "cooee" and least is not None and mean < least:
                short.append(f"{cell.text}: PESQ-WB {mean:.2f}, not {least:.1f}")
            peer = [one for result in results.get(("baresip", cell.text), []) for one in result.get("pesq", [])]
            if name == "cooee" and peer and mean < statistics.mean(peer):
                short.append(f"{cell.text}: PESQ-WB {mean:.2f}, below baresip's {statistics.mean(peer):.2f}")
    return table, short


def lag_of(found):
    lags = [one["lag_ms"] for one in found if "failure" not in one]
    return statistics.median(lags) if lags else None


def markdown(head, table):
    lines = [head, ["---" if n < 2 else "---:" for n in range(len(head))], *table]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def arguments():
    parser = argparse.ArgumentParser(
        prog="tests/quality/impaired", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="cells, joined by + for several at once:\n"
        + "\n".join(f"  {kind:8} {about}" for kind, about in KINDS.items())
        + "\n\ntargets: " + ", ".join(f"{cell} {least}" for cell, least in TARGETS.items()))
    parser.add_argument("--binaries", required=True, type=pathlib.Path)
    parser.add_argument("--cells", default=DEFAULT, type=cells, help=f"default: {DEFAULT}")
    parser.add_argument("--seeds", type=int, default=5, help="calls for each cell (default: 5)")
    parser.add_argument("--jobs", type=int, default=2, help="calls at once (default: 2)")
    parser.add_argument("--bitrate", type=int, default=24000,
                        help="of Opus, bit/s, in whole thousands (default: 24000)")
    parser.add_argument("--peer", choices=["baresip"], help="measure this one, too, over the same losses")
    parser.add_argument("--check", action="store_true", help="fail where a target is missed")
    parser.add_argument("--bounds", action="store_true",
                        help="as --check, but against what script/test insists on already")
    parser.add_argument("--markdown", metavar="FILE", help="write the table there, too")
    parser.add_argument("--record", metavar="FILE", help="write every result there, as JSON")
    parser.add_argument("--keep", metavar="FOLDER", help="copy recordings and logs there")
    options = parser.parse_args()
    options.binaries = people.binaries(options.binaries)
    return options


def main():
    options = arguments()
    for caught in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(caught, lambda number, _frame: sys.exit(128 + number))
    namespaces.sweep()
    makers = [Cooee]
    if options.peer == "baresip":
        import baresip
        if missing := baresip.missing():
            raise people.Failure(f"not installed: {missing}")
        makers.append(baresip.Baresip)
    results = measure(makers, options)
    table, short = rows(results, options)
    text = markdown(HEAD, table)
    print(text)
    if options.markdown:
        pathlib.Path(options.markdown).write_text(text)
    if options.record:
        kept = [{"who": name, "cell": cell, "calls": found} for (name, cell), found in results.items()]
        pathlib.Path(options.record).write_text(json.dumps(kept, indent=1) + "\n")
    for sentence in short:
        print(f"falls short: {sentence}")
    failed = [one for found in results.values() for one in found if "failure" in one]
    return 1 if failed or ((options.check or options.bounds) and short) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (people.Failure, namespaces.LabError, ValueError) as failure:
        sys.exit(f"failed: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
