"""From mouth to ear in a call of two; see tests/latency/run."""

import argparse
import pathlib
import random
import signal
import statistics
import sys
import time

import numpy
import setups
from setups import NAMES, SETUPS

import chirps  # noqa: E402
import cpu  # noqa: E402
import namespaces  # noqa: E402
import people  # noqa: E402
import room as rooms  # noqa: E402
import speech  # noqa: E402
from lab import Lab  # noqa: E402

# Until buffers that adapt have found their level; the seconds in which processor time is counted come on top.
SETTLE = 2.0
CHIRPS = 10
MARGIN = 1.0
# The acceptance's bounds, in milliseconds and as shares of a peer's delay in the same run.
BOUNDS = (("cooee", 85.0, "mumble", 0.8), ("cooee-low", 55.0, "mumble-lowest", 1.0))
SAME_BITRATE = (("cooee", "mumble"), ("cooee-low", "mumble-lowest"), ("cooee-plain", "baresip"))
MOST_PROCESSOR = 1.2


def main():
    options = arguments()
    for caught in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(caught, lambda number, _frame: sys.exit(128 + number))
    namespaces.sweep()
    print(f"seed {options.seed}", file=sys.stderr)
    results = {setup.name: [] for setup in options.who}
    for number in range(options.rounds):
        order = list(options.who)
        random.Random(f"{options.seed}:{number}").shuffle(order)
        for setup in order:
            result = measure(setup, options, number)
            results[setup.name].append(result)
            print(f"{setup.name}: {told(result)}", file=sys.stderr, flush=True)
    text = table(options.who, results)
    print(text)
    if options.markdown:
        pathlib.Path(options.markdown).write_text(text)
    short = shortfalls(results)
    for sentence in short:
        print(f"falls short: {sentence}")
    return 1 if options.check and short else 0


def measure(setup, options, number):
    """One call: delays of the chirps both ways, PESQ-WB of speech both ways, processor time."""
    lab = Lab(0, options.binaries, keep=options.keep)
    try:
        for name in NAMES:
            lab.client(name)
        sounds = rooms.Room(lab.internet, lab.folder / "room", NAMES)
        try:
            seed = f"{options.seed}:{number}"
            with setups.in_call(setup, lab, sounds, options) as (pids, server):
                time.sleep(options.settle)
                spent = processor(lab, sounds, pids, server)
                return heard(lab, sounds, seed) | spent
        finally:
            sounds.close()
    finally:
        lab.close()


def processor(lab, sounds, pids, server):
    """Processor time while both talk and nobody records, which would give every program more to do."""
    words = {name: speech.spoken(name) for name in NAMES}
    for name, samples in words.items():
        speech.write(lab.folder / f"{name}-talks.wav", samples)
    before = {pid: cpu.seconds(pid) for pid in [*pids, *([server] if server else [])]}
    began = time.monotonic()
    talking = [sounds.play(lab.folder / f"{name}-talks.wav", name) for name in NAMES]
    for process in talking:
        if process.wait(120):
            raise people.Failure("paplay failed")
    took = time.monotonic() - began
    spent = {pid: (cpu.seconds(pid) - seconds) / took for pid, seconds in before.items()}
    return {"clients": sum(spent[pid] for pid in pids), "server": spent.get(server)}


def heard(lab, sounds, seed):
    """Plays what there is to say into an established call, and looks at what came out."""
    said = {name: speech.spoken(name) for name in NAMES}
    marks = [chirps.script([number, *seed.encode()], CHIRPS, rises=not number) for number in range(2)]
    # In turn, as people do: what an echo canceller does to two who talk at once is another question.
    turns = [marks[0], marks[1], *said.values()]
    for number, name in enumerate(NAMES):
        mine = [turn if of % 2 == number else numpy.zeros_like(turn) for of, turn in enumerate(turns)]
        speech.write(lab.folder / f"{name}-says.wav", numpy.concatenate(mine))
    recording = sounds.record(lab.folder / "room.raw")
    talking = [sounds.play(lab.folder / f"{name}-says.wav", name) for name in NAMES]
    for process in talking:
        if process.wait(120):
            raise people.Failure("paplay failed")
    time.sleep(MARGIN)
    room = recording.stop()
    for name, (mouth, ear) in room.items():
        speech.write(lab.folder / f"{name}-mouth.wav", mouth)
        speech.write(lab.folder / f"{name}-ear.wav", ear)
    (alice, bob_hears), (bob, alice_hears) = ((room[a][0], room[b][1]) for a, b in (NAMES, NAMES[::-1]))
    ways = [chirps.delays(alice, bob_hears, rises=True), chirps.delays(bob, alice_hears, rises=False)]
    # The chirps would be found in each other.
    first = sum(map(len, marks))
    try:
        scores = [speech.score(said[name], ear[first:]) for name, ear in zip(NAMES, (bob_hears, alice_hears))]
    except ValueError as error:
        # PESQ cannot judge silence.
        raise people.Failure(f"of somebody's speech nothing was heard ({error})") from error
    return {"delays": ways, "pesq": [score["pesq"] for score in scores],
            "stoi": [score["stoi"] for score in scores]}


def found(result):
    return [delay for way in result["delays"] for delay in way if delay is not None]


def missed(result):
    every = [delay for way in result["delays"] for delay in way]
    return sum(delay is None for delay in every), len(every)


def told(result):
    delays = found(result)
    gone, of = missed(result)
    median = f"{statistics.median(delays):.1f} ms" if delays else "nothing heard"
    ways = " and ".join(f"{statistics.median([d for d in way if d is not None] or [0]):.1f}"
                        for way in result["delays"])
    return (f"{median} ({ways}), {min(delays, default=0):.1f} to {max(delays, default=0):.1f}, "
            f"{gone} of {of} chirps missed; PESQ {' '.join(f'{one:.2f}' for one in result['pesq'])}; "
            f"processor {result['clients']:.3f}")


def summed(results):
    """What all rounds of a setup come to."""
    delays = [delay for result in results for delay in found(result)]
    if not delays:
        return None
    return {"delay": statistics.median(delays), "least": min(delays), "most": max(delays),
            "missed": sum(missed(result)[0] for result in results),
            "chirps": sum(missed(result)[1] for result in results),
            "pesq": statistics.mean(one for result in results for one in result["pesq"]),
            "stoi": statistics.mean(one for result in results for one in result["stoi"]),
            "clients": statistics.mean(result["clients"] for result in results),
            "server": statistics.mean(result["server"] or 0.0 for result in results)}


def table(who, results):
    head = ["program", "settings", "kbit/s", "mouth to ear, ms", "least", "most", "chirps missed",
            "PESQ-WB", "STOI", "processor, both", "server"]
    rows = []
    for setup in who:
        sums = summed(results[setup.name])
        row = [setup.name, setup.about, f"{setup.bitrate / 1000:.0f}"]
        if not sums:
            rows.append(row + ["nothing heard"] + ["-"] * 7)
            continue
        rows.append(row + [
            f"{sums['delay']:.1f}", f"{sums['least']:.1f}", f"{sums['most']:.1f}",
            f"{sums['missed']}/{sums['chirps']}", f"{sums['pesq']:.2f}", f"{sums['stoi']:.3f}",
            f"{sums['clients']:.3f}", f"{sums['server']:.3f}"])
    lines = [head, ["---" if n < 2 else "---:" for n in range(len(head))], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def shortfalls(results):
    """What the acceptance asks for and this run does not show."""
    sums = {name: summed(found) for name, found in results.items()}
    short = []
    for name, most, peer, share in BOUNDS:
        ours, theirs = sums.get(name), sums.get(peer)
        if name in sums and not ours:
            short.append(f"{name}: nothing heard")
        if ours and ours["delay"] > most:
            short.append(f"{name}: {ours['delay']:.1f} ms, not {most:.0f}")
        if ours and theirs and ours["delay"] > share * theirs["delay"]:
            short.append(f"{name}: {ours['delay'] / theirs['delay']:.2f} of {peer}'s, not {share}")
    for name, peer in SAME_BITRATE:
        ours, theirs = sums.get(name), sums.get(peer)
        if ours and theirs and ours["pesq"] < theirs["pesq"]:
            short.append(f"{name}: PESQ-WB {ours['pesq']:.2f}, {peer} {theirs['pesq']:.2f}")
    ours, theirs = sums.get("cooee-plain"), sums.get("baresip")
    if ours and theirs and ours["clients"] > MOST_PROCESSOR * theirs["clients"]:
        short.append(f"cooee-plain: {ours['clients'] / theirs['clients']:.2f} times baresip's processor time")
    return short


def chosen(text):
    names = text.split(",")
    if unknown := [name for name in names if name not in SETUPS]:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}")
    return [SETUPS[name] for name in names]


def arguments():
    parser = argparse.ArgumentParser(
        prog="tests/latency/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="set-ups:\n" + "\n".join(f"  {setup.name:14} {setup.about}" for setup in SETUPS.values()))
    parser.add_argument("--binaries", required=True, type=people.binaries)
    parser.add_argument("--who", type=chosen, default=list(SETUPS.values()), help="default: all")
    parser.add_argument("--rounds", type=int, default=1, help="calls of each, in an order of its own (default: 1)")
    parser.add_argument("--settle", type=float, default=SETTLE, metavar="SECONDS",
                        help=f"from the connection to the first chirp (default: {SETTLE:.0f})")
    parser.add_argument("--seed", default="1", help="of the chirps' distances and the order")
    parser.add_argument("--check", action="store_true", help="fail where a bound is missed")
    parser.add_argument("--markdown", metavar="FILE", help="write the table there, too")
    parser.add_argument("--keep", metavar="FOLDER", help="copy recordings and logs there")
    options = parser.parse_args()
    kinds = {setup.kind for setup in options.who}
    missing = rooms.missing()
    missing += setups.mumble.missing() if "mumble" in kinds else []
    missing += setups.baresip.missing() if "baresip" in kinds else []
    if missing:
        raise people.Failure(f"not installed: {', '.join(sorted(set(missing)))} (Debian's packages)")
    return options


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (people.Failure, namespaces.LabError) as failure:
        sys.exit(f"failed: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
