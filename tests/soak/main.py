"""A call in which everything changes all the time; see tests/soak/run."""

import argparse
import os
import pathlib
import random
import signal
import subprocess
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

NAMES = ("alice", "bob", "carol", "dave")
GROUP = "choir"
# Seconds from one change to the next.
CHANGE = (0.4, 2.5)
LOOK = 5.0
# The beginning, in which everything is opened and found out, is nobody's norm.
WARM_UP = 0.15
# What counts as growth, of the last third against the middle one: more than this and twice as much.
GAPS_A_MINUTE = 6.0
# In fewer minutes, one busy moment of the machine decides.
ENOUGH = 5.0
# MiB that a process may gain from the middle third to the last.
MEMORY = 6.0
FILES = 8
# Kinds of changes, by how often.
KINDS = {"mute": 4, "deafen": 2, "input": 4, "output": 4, "kill-input": 1, "kill-output": 1, "leave": 2}


class Sounds(rooms.Room):
    """A room in which each has two microphones and two loudspeakers, by ALSA names `mic1` and so on."""

    def __init__(self, namespace, folder, names):
        super().__init__(namespace, folder, names[:2])
        self.everybody = names
        for name in names:
            for number in (1, 2):
                # All play into the same room; what matters here is that streams come and go.
                self.load("module-null-sink", f"sink_name={name}-spare{number}", f"rate={rooms.RATE}",
                          "channels=1", "format=s16le")

    def load(self, *words):
        done = self.run("pactl", "load-module", *words)
        if done.returncode != 0:
            raise people.Failure(f"pactl {words}: {done.stderr}")

    def devices(self, name):
        """The ALSA configuration of one person: two microphones, two loudspeakers and a default."""
        pcm = "".join(
            f'pcm.{kind}{number} {{ type pulse device "{name}-spare{number}{monitor}" '
            f'hint {{ show on description "{kind}{number}" }} }}\n'
            for number in (1, 2) for kind, monitor in (("mic", ".monitor"), ("ear", "")))
        path = self.folder / f"{name}.asoundrc"
        path.write_text("</usr/share/alsa/alsa.conf>\n" + pcm
                        + f'pcm.!default {{ type asym playback.pcm "ear1" capture.pcm "mic1" }}\n'
                          "ctl.!default { type pulse }\n")
        return path


class Member:
    """One person: a process, and what it should be doing."""

    def __init__(self, lab, sounds, name, options):
        self.name, self.options = name, options
        self.person = callers.Person(lab.clients[name], options.binaries / "cooee")
        script = pathlib.Path(self.person.binary)
        wanted = {"HOME": sounds.folder, "PULSE_SERVER": f"unix:{sounds.socket}",
                  "XDG_RUNTIME_DIR": sounds.folder, "ALSA_CONFIG_PATH": sounds.devices(name)}
        first, _, rest = script.read_text().partition("\n")
        script.write_text(first + "\n" + "".join(f"export {key}='{value}'\n" for key, value in wanted.items())
                          + rest)
        self.running = None
        self.muted = self.deafened = False
        self.looks = []
        self.crashes = []
        self.joined = 0
        self.talking = None

    def start(self, *words):
        self.running = self.person.start(*words)
        self.joined += 1
        self.muted = self.deafened = False
        self.base = {}

    def alive(self):
        return self.running is not None and self.running.process.poll() is None

    def connected(self, patience=60):
        self.running.wait("connected", patience)

    def type(self, line):
        try:
            self.running.type(line)
        except BrokenPipeError:
            pass

    def leave(self):
        """Hangs up; a status other than 0 is noted."""
        self.running.give_up()
        status = self.running.process.returncode
        if status not in (0, 1):
            self.crashes.append(f"{self.name}: exit status {status}")
        self.running = None

    def look(self, at):
        """Counts of this moment."""
        if not self.alive():
            return
        latest = next((event for event in reversed(self.running.events) if event["event"] == "stats"), None)
        if latest:
            pid = self.running.process.pid
            self.looks.append({
                "at": at, "life": self.joined, "gaps": latest["capture_gaps"] + latest["playback_gaps"],
                "received": latest["received"], "concealed": latest["concealed"],
                "memory": memory(pid), "files": len(os.listdir(f"/proc/{pid}/fd"))})


def memory(pid):
    """MiB that belong to the process alone."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    words = [line.split() for line in text.splitlines()]
    return sum(int(word[1]) for word in words if word[0] in ("Private_Dirty:", "Private_Clean:")) / 1024


class Soak:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.names = NAMES[: options.people]
        self.changes = dict.fromkeys(KINDS, 0)
        self.failures = []
        self.lab = Lab(0, options.binaries, keep=options.keep)
        try:
            self.lab.server.start()
            for name in self.names:
                self.lab.client(name)
            self.sounds = Sounds(self.lab.internet, self.lab.folder / "room", list(self.names))
            self.members = {name: Member(self.lab, self.sounds, name, options) for name in self.names}
            self.gather()
        except BaseException:
            self.lab.close()
            raise

    def gather(self):
        """Everybody has a profile and is in the group."""
        for name, member in self.members.items():
            member.person.run("register", name)
        first, *others = self.members.values()
        for other in others:
            first.person.run("contact", "add", other.name)
            other.person.run("contact", "add", first.name)
        first.person.run("group", "create", GROUP)
        for other in others:
            first.person.run("group", "add", GROUP, other.name)

    def talk(self):
        """Recorded speech into every microphone, for ever."""
        for name, member in self.members.items():
            said = numpy.tile(speech.spoken("alice" if len(name) % 2 else "bob"), 20)
            path = self.lab.folder / f"{name}-says.wav"
            speech.write(path, said)
            member.talking = [self.lab.internet.start(
                "sh", "-c", f"while paplay --device={name}-spare{number} {path}; do :; done",
                env=self.sounds.environment, stderr=subprocess.DEVNULL, start_new_session=True)
                for number in (1, 2)]

    def run(self):
        first, *others = self.members.values()
        for other in others:
            other.start("answer")
            other.running.wait("ready")
        first.start("call", GROUP)
        for member in self.members.values():
            member.connected()
        self.talk()
        begin = time.monotonic()
        seconds = self.options.minutes * 60
        next_look = LOOK
        while (at := time.monotonic() - begin) < seconds:
            time.sleep(self.random.uniform(*CHANGE))
            self.change()
            if at >= next_look:
                next_look += LOOK
                for member in self.members.values():
                    member.look(at)
                    self.notice_death(member)
        self.finish()

    def change(self):
        kind = self.random.choices(list(KINDS), list(KINDS.values()))[0]
        member = self.random.choice(list(self.members.values()))
        if not member.alive():
            return
        self.changes[kind] += 1
        if kind == "mute":
            member.muted = not member.muted
            member.type("mute" if member.muted else "unmute")
        elif kind == "deafen":
            member.deafened = not member.deafened
            member.type("deafen" if member.deafened else "undeafen")
        elif kind == "input":
            member.type(f"input {self.random.choice(['mic1', 'mic2', 'default', 'no such thing'])}")
        elif kind == "output":
            member.type(f"output {self.random.choice(['ear1', 'ear2', 'default', 'none', 'ear1'])}")
        elif kind.startswith("kill"):
            self.kill_stream(member, "source-output" if kind == "kill-input" else "sink-input")
        else:
            self.leave(member)

    def kill_stream(self, member, kind):
        """The sound server takes a stream away from the program, as when a headset is pulled out."""
        self.sounds.kill_stream(member.running.process.pid, kind)

    def leave(self, member):
        """Out of the call and back into it, by being rung again."""
        others = [other for other in self.members.values() if other is not member and other.alive()]
        if len(others) < 2:
            return
        member.leave()
        member.start("call", GROUP)
        try:
            member.connected(30)
        except people.Failure as failure:
            self.failures.append(str(failure))

    def notice_death(self, member):
        if member.running is not None and not member.alive():
            log = member.person.log.read_text(errors="replace")
            ended = member.running.seen("ended")
            why = ended[-1].get("reason") if ended else "no ended event"
            self.failures.append(f"{member.name} is gone, status {member.running.process.returncode}, {why}: "
                                 f"{log.strip()[-300:]}")
            member.running = None
            member.start("call", GROUP)

    def finish(self):
        """Everything as it was at the beginning: everybody has to hear everybody."""
        for member in self.members.values():
            if member.alive():
                for line in ("unmute", "undeafen", "input default", "output default"):
                    member.type(line)
        time.sleep(3)
        before = {name: self.received(member) for name, member in self.members.items()}
        time.sleep(5)
        for name, member in self.members.items():
            after = self.received(member)
            for other in self.names:
                if other == name:
                    continue
                packets = after.get(other, 0) - before[name].get(other, 0)
                # 50 a second, whatever is in them.
                if packets < 150:
                    self.failures.append(f"{name} got {packets} packets of {other} in the last 5 s")
            levels = [event for event in member.running.seen("speaking") if event["speaking"]]
            if not levels:
                self.failures.append(f"{name} never noticed anybody speak")
        for member in self.members.values():
            if member.alive():
                member.leave()

    def received(self, member):
        latest = next((event for event in reversed(member.running.events) if event["event"] == "stats"), None)
        return {who: counts["received"] for who, counts in latest["peers"].items()} if latest else {}

    def close(self):
        for member in self.members.values():
            for process in member.talking or []:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if member.alive():
                member.running.process.kill()
                member.running.process.wait()
        self.sounds.close()
        self.lab.close()


def rate(looks, begin, end):
    """Gaps a minute between two moments, over all lives of a process."""
    gaps, seconds = 0, 0.0
    for before, after in zip(looks, looks[1:]):
        if before["at"] >= begin and after["at"] <= end and before["life"] == after["life"]:
            gaps += max(0, after["gaps"] - before["gaps"])
            seconds += after["at"] - before["at"]
    return gaps / seconds * 60 if seconds else 0.0


def judged(soak, options):
    """The table, and what failed."""
    failures = list(soak.failures)
    seconds = options.minutes * 60
    first, third = seconds * WARM_UP, seconds * (1 - WARM_UP) / 2
    middle, last = (first, first + third), (first + third, seconds + LOOK)
    rows = []
    for name, member in soak.members.items():
        failures += member.crashes
        parts = [[look for look in member.looks if part[0] <= look["at"] <= part[1]] for part in (middle, last)]
        if not all(parts):
            failures.append(f"{name}: nothing was counted in one half")
            continue
        gaps = [rate(member.looks, *part) for part in (middle, last)]
        megabytes = [sum(look["memory"] for look in part) / len(part) for part in parts]
        files = [max(look["files"] for look in part) for part in parts]
        rows.append([name, member.joined, f"{gaps[0]:.1f}", f"{gaps[1]:.1f}", f"{megabytes[0]:.1f}",
                     f"{megabytes[1]:.1f}", files[0], files[1]])
        if options.minutes >= ENOUGH and gaps[1] > 2 * gaps[0] and gaps[1] > gaps[0] + GAPS_A_MINUTE:
            failures.append(f"{name}: {gaps[0]:.1f} gaps a minute became {gaps[1]:.1f}")
        if megabytes[1] > megabytes[0] + MEMORY:
            failures.append(f"{name}: {megabytes[0]:.1f} MiB became {megabytes[1]:.1f}")
        if files[1] > files[0] + FILES:
            failures.append(f"{name}: {files[0]} open files became {files[1]}")
    head = ["who", "joined", "gaps a minute, first half", "second half", "MiB, first half", "second half",
            "open files, first half", "second half"]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    text = "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"
    told = ", ".join(f"{count} {kind}" for kind, count in soak.changes.items())
    return text + f"\n{options.minutes:g} minutes, seed {options.seed}; changes: {told}.\n", failures


def main():
    parser = argparse.ArgumentParser(prog="tests/soak/run", description=__doc__)
    parser.add_argument("--binaries", required=True, type=people.binaries)
    parser.add_argument("--minutes", type=float, default=1.0, help="default: 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=3, choices=range(3, len(NAMES) + 1), help="default: 3")
    parser.add_argument("--markdown", metavar="FILE", help="write the table there, too")
    parser.add_argument("--keep", metavar="FOLDER", help="copy logs there")
    options = parser.parse_args()
    for caught in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(caught, lambda number, _frame: sys.exit(128 + number))
    if missing := rooms.missing():
        raise people.Failure(f"not installed: {', '.join(missing)} (Debian's packages)")
    namespaces.sweep()
    print(f"seed {options.seed}", file=sys.stderr)
    soak = Soak(options)
    try:
        soak.run()
    finally:
        soak.close()
    text, failures = judged(soak, options)
    print(text)
    if options.markdown:
        pathlib.Path(options.markdown).write_text(text)
    for failure in failures:
        print(f"FAIL {failure}")
    print(f"{len(soak.members)} people, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (people.Failure, namespaces.LabError) as failure:
        sys.exit(f"failed: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
