"""A server and two people, as processes: what the quality tests call with."""

import json
import os
import pathlib
import re
import signal
import subprocess
import threading

PASSWORD = "correct horse battery"


class Failure(Exception):
    """Something did not happen as it must."""


class Server:
    """A server on a folder of its own and free ports."""

    def __init__(self, binaries, folder):
        command = [binaries / "cooee-server", "--data", folder / "server",
                   "--listen", "127.0.0.1:0", "--stun", "127.0.0.1:0"]
        self.log = open(folder / "server.log", "wb")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log,
                                        stdin=subprocess.DEVNULL)
        line = self.process.stdout.readline().decode()
        ready = re.search(r"listening on (ws://\S+)", line)
        if not ready:
            raise Failure(f"the server did not start: {line!r}")
        self.url = ready[1]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


class Person:
    """One data folder and the `cooee` commands over it."""

    def __init__(self, binaries, folder, server, name):
        self.name = name
        self.binary = binaries / "cooee"
        self.log = folder / f"{name}.log"
        self.options = ["--data", folder / name, "--server", server.url,
                        "--credentials", "file", "--json"]

    def run(self, *words):
        """A command that ends by itself; its events."""
        done = subprocess.run([self.binary, *self.options, *words], env=environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        if done.returncode != 0:
            raise Failure(f"{self.name}: {words} ended with {done.returncode}: "
                          f"{done.stderr.decode()}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def start(self, *words):
        """A command that goes on."""
        return Running(self, words)


class Running:
    """A command that goes on, and its events so far."""

    def __init__(self, person, words):
        self.name = person.name
        self.events = []
        self.news = threading.Condition()
        self.over = False
        self.log = open(person.log, "ab")
        self.process = subprocess.Popen([person.binary, *person.options, *words],
                                        env=environment(), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.news:
                self.events.append(json.loads(line))
                self.news.notify_all()
        with self.news:
            self.over = True
            self.news.notify_all()

    def wait(self, event, patience=60):
        """The first event of this kind."""
        def found():
            return next((e for e in self.events if e["event"] == event), None)
        with self.news:
            self.news.wait_for(lambda: found() or self.over, patience)
            if not (seen := found()):
                raise Failure(f"{self.name}: no {event}; events {self.events}; see {self.log.name}")
            return seen

    def type(self, line):
        """A line of text, as if typed."""
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def ended(self, patience=120):
        """Waits for the end of the process, which has to be a good one."""
        ended = self.wait("ended", patience)
        status = self.process.wait(patience)
        self.reader.join(patience)
        if status != 0:
            raise Failure(f"{self.name}: exit status {status}; ended {ended}")
        return ended


def environment():
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COOEE_")}
    return kept | {"COOEE_PASSWORD": PASSWORD}


def befriend(one, other):
    """Both have profiles and are contacts afterwards."""
    one.run("register", one.name)
    other.run("register", other.name)
    one.run("contact", "add", other.name)
    other.run("contact", "add", one.name)


def binaries(text):
    folder = pathlib.Path(text).resolve()
    for name in ("cooee", "cooee-server"):
        if not (folder / name).exists():
            raise Failure(f"{folder / name} is missing: cargo build -p cooee -p cooee-server")
    return folder
