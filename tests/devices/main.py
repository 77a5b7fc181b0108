"""Another microphone or loudspeaker in the middle of a call, and what is missed; see tests/devices/run."""

import argparse
import pathlib
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "quality"), str(HERE.parent / "lab")]
import numpy  # noqa: E402

import callers  # noqa: E402
import namespaces  # noqa: E402
import people  # noqa: E402
import room as rooms  # noqa: E402
import speech  # noqa: E402
from lab import Lab  # noqa: E402

NAMES = ("alice", "bob")
WINDOW = rooms.RATE // 200
MOST = 0.2
SETTLE = 4.0
# Within this many seconds after a change its gap is looked for.
AFTER = 2.5


def configuration(sounds, name, pcms):
    """An ALSA configuration with these devices and a default; the path."""
    text = "</usr/share/alsa/alsa.conf>\n"
    for pcm, device in pcms.items():
        text += (f'pcm.{pcm} {{ type pulse device "{device}" '
                 f'hint {{ show on description "{pcm}" }} }}\n')
    text += ('pcm.!default { type asym playback.pcm "ear1" capture.pcm "mic1" }\n'
             "ctl.!default { type pulse }\n")
    path = sounds.folder / f"{name}.asoundrc"
    path.write_text(text)
    return path


def person(lab, sounds, name, pcms, options):
    made = callers.Person(lab.clients[name], options.binaries / "cooee")
    script = pathlib.Path(made.binary)
    wanted = {"HOME": sounds.folder, "PULSE_SERVER": f"unix:{sounds.socket}",
              "XDG_RUNTIME_DIR": sounds.folder, "ALSA_CONFIG_PATH": configuration(sounds, name, pcms)}
    first, _, rest = script.read_text().partition("\n")
    script.write_text(first + "\n" + "".join(f"export {key}='{value}'\n" for key, value in wanted.items()) + rest)
    return made


def kill_stream(sounds, running, kind):
    """The sound server takes the stream away from the program."""
    if not sounds.kill_stream(running.process.pid, kind):
        raise people.Failure(f"{running.name} has no {kind}")


def longest_silence(samples, begin, end):
    """Seconds, between two moments given in seconds."""
    part = samples[int(begin * rooms.RATE): int(end * rooms.RATE)].astype(float)
    windows = part[: len(part) // WINDOW * WINDOW].reshape(-1, WINDOW)
    loud = numpy.sqrt((windows ** 2).mean(axis=1))
    silent = loud < 0.1 * numpy.median(loud[loud > 0]) if (loud > 0).any() else numpy.ones(len(loud), bool)
    longest = run = 0
    for quiet in silent:
        run = run + 1 if quiet else 0
        longest = max(longest, run)
    return longest * WINDOW / rooms.RATE


def measure(options, seed):
    """One call; for each change its longest silence, and what was told of it."""
    lab = Lab(0, options.binaries, keep=options.keep)
    try:
        for name in NAMES:
            lab.client(name)
        lab.server.start()
        sounds = rooms.Room(lab.internet, lab.folder / "room", NAMES)
        try:
            return call(lab, sounds, options, seed)
        finally:
            sounds.close()
    finally:
        lab.close()


def call(lab, sounds, options, seed):
    # Alice speaks with two microphones to choose from; bob hears with two loudspeakers. All of it is in one
    # recording: the channel that would be alice's ear is bob's second.
    alice = person(lab, sounds, "alice", {"mic1": "alice-mic", "mic2": "bob-mic", "ear1": "alice-ear"}, options)
    bob = person(lab, sounds, "bob", {"mic1": "bob-mic", "ear1": "bob-ear", "ear2": "alice-ear"}, options)
    people.befriend(alice, bob)
    noise = numpy.random.default_rng(seed).normal(0, 3000, rooms.RATE * 60).clip(-12000, 12000)
    path = lab.folder / "noise.wav"
    speech.write(path, noise.astype(numpy.int16))
    changes = [
        ("output chosen", lambda: answering.type("output ear2"), "chosen"),
        ("output chosen back", lambda: answering.type("output ear1"), "chosen"),
        ("output lost", lambda: kill_stream(sounds, answering, "sink-input"), "lost"),
        ("input chosen", lambda: calling.type("input mic2"), "chosen"),
        ("input lost", lambda: kill_stream(sounds, calling, "source-output"), "lost"),
        ("input refused", lambda: calling.type("input no such thing"), "refused"),
    ]
    answering = bob.start("answer", "--processing", "off")
    running = [answering]
    talking = []
    try:
        answering.wait("ready")
        calling = alice.start("call", "bob", "--processing", "off", "--output", "none")
        running.append(calling)
        for one in running:
            one.wait("connected")
        talking = [sounds.play(path, name) for name in NAMES]
        time.sleep(SETTLE)
        recording = sounds.record(lab.folder / "room.raw")
        begin = time.monotonic()
        times, told = [], []
        time.sleep(1.0)
        for _, act, reason in changes:
            before = {id(one): len(one.seen("device")) for one in running}
            times.append(time.monotonic() - begin)
            act()
            time.sleep(AFTER)
            news = [event["reason"] for one in running for event in one.seen("device")[before[id(one)]:]]
            told.append(reason in news)
        heard = recording.stop()
    finally:
        for one in running:
            one.give_up()
        for process in talking:
            process.kill()
            process.wait()
    ears = heard["bob"][1].astype(int) + heard["alice"][1].astype(int)
    return [(what, longest_silence(ears, at, at + AFTER), known)
            for (what, _, _), at, known in zip(changes, times, told)]


def main():
    parser = argparse.ArgumentParser(prog="tests/devices/run", description=__doc__)
    parser.add_argument("--binaries", required=True, type=people.binaries)
    parser.add_argument("--rounds", type=int, default=1, help="calls (default: 1)")
    parser.add_argument("--seed", type=int, default=1, help="of the noise")
    parser.add_argument("--check", action="store_true", help=f"fail above {MOST * 1000:.0f} ms")
    parser.add_argument("--markdown", metavar="FILE", help="write the table there, too")
    parser.add_argument("--keep", metavar="FOLDER", help="copy logs there")
    options = parser.parse_args()
    for caught in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(caught, lambda number, _frame: sys.exit(128 + number))
    if missing := rooms.missing():
        raise people.Failure(f"not installed: {', '.join(missing)} (Debian's packages)")
    namespaces.sweep()
    print(f"seed {options.seed}", file=sys.stderr)
    results, failures = {}, []
    for number in range(options.rounds):
        for what, silence, known in measure(options, options.seed + number):
            results.setdefault(what, []).append(silence)
            if not known:
                failures.append(f"{what}: no event told of it")
    lines = ["| change | longest silence, ms |", "| --- | ---: |"]
    for what, silences in results.items():
        lines.append(f"| {what} | {', '.join(f'{1000 * silence:.0f}' for silence in silences)} |")
        if options.check and max(silences) > MOST:
            failures.append(f"{what}: {1000 * max(silences):.0f} ms of silence")
    text = "\n".join(lines) + "\n"
    print(text)
    if options.markdown:
        pathlib.Path(options.markdown).write_text(text)
    for failure in failures:
        print(f"FAIL {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (people.Failure, namespaces.LabError) as failure:
        sys.exit(f"failed: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
