"""The server and the people of a lab: those of the quality tests, in namespaces."""

import contextlib
import datetime
import json
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "quality"))
import people  # noqa: E402

PORT = 4400
STUN_PORT = 3478
PATIENCE = 10
# The server's real-time priority: above the lab that builds, below those who speak.
SERVER = 15


class LabServer:
    """A server on a machine of its own; it keeps its address and its data over restarts."""

    def __init__(self, lab, machine):
        self.lab = lab
        self.machine = machine
        self.url = f"ws://server.lab:{PORT}"
        self.process = None
        self.options = ()

    def start(self, *options):
        """Starts it, with further options; returns when it listens."""
        self.options = options
        host = "[::]" if self.lab.v6 else "203.0.113.10"
        with open(self.lab.folder / "server.log", "ab") as log:
            self.process = self.machine.start(
                *self.machine.ahead(SERVER), self.lab.binaries / "cooee-server", "--data", self.lab.folder / "server",
                "--listen", f"{host}:{PORT}", "--stun", f"{host}:{STUN_PORT}",
                "--allow-plaintext", *options, stdout=subprocess.PIPE, stderr=log,
                env=people.environment())
        line = self.process.stdout.readline().decode()
        if not re.search(r"listening on ws://", line):
            log = (self.lab.folder / "server.log").read_text(errors="replace")
            raise people.Failure(f"the server did not start: {line}{log.strip()[-500:]}")

    def kill9(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def restart(self):
        """The same server again."""
        self.start(*self.options)

    def gone(self):
        """Whatever became of it, it is not needed any more."""
        if self.process and self.process.poll() is None:
            self.kill9()


class Person(people.Person):
    """Somebody at a machine of the lab."""

    def __init__(self, client, binary):
        lab = client.lab
        super().__init__(lab.binaries, lab.folder, lab.server, client.name)
        self.client = client
        self.binary = client.program(binary)
        self.options += ["--allow-plaintext", "-v"]
        self.traced = 0

    def start(self, *words):
        # What the log of an earlier command says is that command's.
        self.traced = self.log.stat().st_size if self.log.exists() else 0
        return Running(self, words)

    def steps(self):
        """When each step of the latest call's set-up was, by the log of the `cooee` that was started
        last; in seconds since 1970."""
        with open(self.log, "rb") as log:
            log.seek(self.traced)
            lines = log.read().splitlines()
        found = {}
        for line in lines:
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and entry.get("target") == "cooee_sdk::setup":
                    # Steps before the accept are logged with it, so what counts is the distance to it.
                    found[entry["fields"]["step"]] = entry["fields"]["micros"] / 1e6
                    if entry["fields"]["step"] == "accepted":
                        accepted = datetime.datetime.fromisoformat(entry["timestamp"]).timestamp()
        return {step: accepted + after for step, after in found.items()} if "accepted" in found else {}


class Running(people.Running):
    """A command that goes on, whose events have the time `at` which they came.

    The time is the command's own if it gives one (seconds since 1970), else that of reading it.
    """

    def _event(self, line):
        try:
            return json.loads(line)
        except ValueError:
            print(f"{self.name} printed what is no event: {line!r}", file=sys.stderr)
            return {"event": "garbage", "line": line.decode(errors="replace")}

    def _read(self):
        for line in self.process.stdout:
            event = {"at": time.time()} | self._event(line)
            with self.news:
                self.events.append(event)
                self.news.notify_all()
        with self.news:
            self.over = True
            self.news.notify_all()

    def wait(self, event, patience=60):
        """The first event of this kind. The failure to come names the others, without figures."""
        try:
            return super().wait(event, patience)
        except people.Failure:
            with self.news:
                seen = [one["event"] for one in self.events if one["event"] not in ("stats", "levels")]
                seen += [one for one in self.events if one["event"] == "garbage"]
            over = "; it has ended" if self.over else ""
            raise people.Failure(f"{self.name}: no {event} in {patience:.0f} s, but: "
                                 f"{', '.join(seen) or 'nothing'}{over}") from None

    def seen(self, event):
        """Those events of a kind that came so far."""
        with self.news:
            return [one for one in self.events if one["event"] == event]

    def give_up(self):
        """Ctrl-C, until it ends; how it ended, as far as it said so."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join(PATIENCE)
        return next(iter(self.seen("ended")), {"reason": "no ended event"})
