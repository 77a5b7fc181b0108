"""Eight people in one group call, each of whom has to hear each other one; see tests/group/run."""

import argparse
import pathlib
import shutil
import signal
import statistics
import sys
import tempfile
import time

import sentences
from sentences import RATE

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "quality"))
import cpu  # noqa: E402
import people  # noqa: E402
import speech  # noqa: E402

GROUP = "choir"
LEAD, PAUSE = 2.5, 0.7


def main():
    parser = argparse.ArgumentParser(prog="tests/group/run", description=__doc__)
    parser.add_argument("--binaries", required=True, type=pathlib.Path)
    parser.add_argument("--people", type=int, default=8, choices=range(2, 9), help="default: 8")
    parser.add_argument("--most-lost", type=float, default=0.1,
                        help="share of the segments of any pair that may be missing (default: 0.1)")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables there, too")
    parser.add_argument("--keep", metavar="FOLDER", help="copy recordings and logs there")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    if missing := sentences.missing():
        raise people.Failure(f"not installed: {', '.join(missing)} (Debian's packages)")
    names = list(sentences.PEOPLE)[: options.people]
    with tempfile.TemporaryDirectory(prefix="cooee-group-") as folder:
        folder = pathlib.Path(folder)
        try:
            outcome = call(people.binaries(options.binaries), folder, names)
            text, failures = judged(names, outcome, options.most_lost)
        finally:
            if options.keep:
                shutil.copytree(folder, options.keep, dirs_exist_ok=True)
    print(text)
    if options.markdown:
        pathlib.Path(options.markdown).write_text(text)
    for failure in failures:
        print(f"FAIL {failure}")
    print(f"{options.people * (options.people - 1)} pairs, {len(failures)} failed")
    return 1 if failures else 0


def call(binaries, folder, names):
    """Everybody says their script; what each heard and what it cost."""
    said = {name: sentences.said_by(name) for name in names}
    alone, together, length = sentences.timetable(said, LEAD, PAUSE)
    for name in names:
        speech.write(folder / f"{name}-said.wav", sentences.script(said, name, alone, together, length))
    server = people.Server(binaries, folder)
    running = {}
    try:
        persons = {name: people.Person(binaries, folder, server, name) for name in names}
        gather(persons)
        caller, *others = names
        for name in others:
            running[name] = persons[name].start("answer", *sounds(folder, name))
        for name in others:
            running[name].wait("ready")
        seconds = length / RATE + 1.0
        running[caller] = persons[caller].start("call", GROUP, *sounds(folder, caller),
                                                "--for", f"{seconds:.1f}")
        for one in running.values():
            one.wait("connected")
        spent = {name: cpu.seconds(one.process.pid) for name, one in running.items()}
        spent["server"] = cpu.seconds(server.process.pid)
        started = time.monotonic()
        # The caller hangs up at that time; everybody has to be measured while alive.
        time.sleep(seconds - 1.5)
        took = time.monotonic() - started
        for name, one in running.items():
            spent[name] = (cpu.seconds(one.process.pid) - spent[name]) / took
        spent["server"] = (cpu.seconds(server.process.pid) - spent["server"]) / took
        finish(running, caller)
    finally:
        for one in running.values():
            if one.process.poll() is None:
                one.process.kill()
                one.process.wait()
        server.stop()
    # A recording has its header only when its program has ended.
    heard = {name: speech.read(folder / f"{name}-heard.wav") for name in names}
    return {"said": said, "alone": alone, "together": together, "heard": heard, "cpu": spent}


def finish(running, caller):
    """The caller's --for ends the caller's part; the others leave when told to."""
    running[caller].ended()
    for name, one in running.items():
        if name != caller and one.process.poll() is None:
            one.process.send_signal(signal.SIGINT)
    for name, one in running.items():
        one.process.wait(30)


def gather(persons):
    """Everybody has a profile and is in the group, which the first one made."""
    for name, person in persons.items():
        person.run("register", name)
    first, *others = persons.values()
    for person in others:
        first.run("contact", "add", person.name)
        person.run("contact", "add", first.name)
    first.run("group", "create", GROUP)
    for person in others:
        first.run("group", "add", GROUP, person.name)


def sounds(folder, name):
    return "--input", folder / f"{name}-said.wav", "--output", folder / f"{name}-heard.wav"


def judged(names, outcome, most_lost):
    """Tables, and a sentence for each pair that fails."""
    failures, rows = [], []
    for listener in names:
        row = [listener]
        hay = outcome["heard"][listener]
        for speaker in names:
            found = sentences.heard(outcome["said"][speaker], hay)
            if speaker == listener:
                # Nobody hears themselves; and what is not there must not be found.
                row.append("")
                if found["lost"] < 0.5:
                    failures.append(f"{listener} {speaker}: hears the own voice")
                continue
            # In the recording everything is shifted by when the two joined, the same for both parts.
            shift = outcome["together"] - outcome["alone"][speaker]
            mixed = sentences.stands_out(outcome["said"][speaker], without(hay, found, outcome, speaker),
                                         found["begin"] + shift)
            row.append(f"{found['lost']:.0%} ({found['match']:.2f}; {mixed:.1f})")
            if found["lost"] > most_lost:
                failures.append(f"{listener} {speaker}: {found['lost']:.0%} lost, match {found['match']:.2f}")
            elif mixed < 1.0:
                failures.append(f"{listener} {speaker}: not to be told from the others when all speak")
        rows.append(row)
    head = ["heard by", *names]
    lines = [head, ["---"] + ["---:"] * len(names), *rows]
    text = ("Lost segments of 200 ms when said alone (median match; and by how much the sentence stands out "
            "where all speak at once, above 1 is there):\n\n"
            + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n")
    spent = outcome["cpu"]
    people_spent = [spent[name] for name in names]
    text += (f"Processor: {sum(people_spent):.2f} cores for all {len(names)}, "
             f"{statistics.median(people_spent):.3f} each (median), most {max(people_spent):.3f}; "
             f"server {spent['server']:.3f}.\n")
    return text, failures


def without(hay, found, outcome, speaker):
    """The recording without where the sentence was said alone: only the mix is left to find it in."""
    rest = hay.copy()
    begin = found["begin"]
    rest[max(0, begin - 2 * sentences.SLACK): begin + len(outcome["said"][speaker]) + 2 * sentences.SLACK] = 0
    return rest


if __name__ == "__main__":
    try:
        sys.exit(main())
    except people.Failure as failure:
        sys.exit(f"failed: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
