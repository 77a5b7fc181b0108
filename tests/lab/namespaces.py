"""Network namespaces with unique names, and their removal whatever happens to the runner.

Everything that a lab makes lives in its namespaces or in its folder: deleting both removes all of
it. That is done by the runner itself; by a guard, a small process that outlives a runner that was
killed; and, should both have been killed, by the next runner (`sweep`).
"""

import contextlib
import fcntl
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

PREFIX = "cooee-lab-"
ROOT = pathlib.Path("/run/cooee-lab")
# In memory: recordings must not wait for a disk that others keep busy.
FOLDERS = pathlib.Path("/dev/shm/cooee-lab")

serials = itertools.count(1)


class LabError(Exception):
    """The lab itself could not be built or used; says nothing about the product."""


def command(*words, text=None):
    """Runs a command of the system; its stdout."""
    words = [str(word) for word in words]
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False,
                          stdin=None if text is not None else subprocess.DEVNULL)
    if done.returncode != 0:
        raise LabError(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}"
                       + (f"\n{text}" if text else ""))
    return done.stdout


class Namespace:
    """One network namespace."""

    def __init__(self, name, **settings):
        """Settings are of net.*, with __ for the dot: ipv4__ip_forward=1."""
        self.name = name
        command("ip", "netns", "add", name)
        files = {setting.replace("__", "/"): value for setting, value in settings.items()}
        # Without duplicate address detection an address works at once.
        files |= {"ipv6/conf/default/accept_dad": 0, "ipv6/conf/default/accept_ra": 0}
        # What is bridged goes past the firewall, as in a switch.
        files |= {f"bridge/bridge-nf-call-{family}tables": 0 for family in ("ip", "ip6", "arp")}
        writes = [f"[ ! -e /proc/sys/net/{path} ] || echo {value} > /proc/sys/net/{path}"
                  for path, value in files.items()]
        self.run("sh", "-ec", "\n".join(["ip link set lo up", *writes]))

    def prefix(self):
        return ["ip", "netns", "exec", self.name]

    @staticmethod
    def ahead(priority):
        """Words before a program that runs it at a real-time priority, where this process has one: a
        voice must not wait for a hundred milliseconds behind another lab that is being built."""
        if os.sched_getscheduler(0) != os.SCHED_RR:
            return []
        return ["chrt", "--rr", str(priority)]

    def run(self, *words):
        return command(*self.prefix(), *words)

    def ip(self, *lines):
        """Lines of `ip`, without the word itself, all in one go."""
        command("ip", "-n", self.name, "-batch", "-", text="\n".join(lines) + "\n")

    def nft(self, rules):
        command(*self.prefix(), "nft", "-f", "-", text=rules)

    def start(self, *words, **options):
        """A process inside that goes on."""
        return subprocess.Popen([*self.prefix(), *map(str, words)],
                                stdin=options.pop("stdin", subprocess.DEVNULL), **options)

    def remove(self):
        remove_namespace(self.name)


def existing():
    names = json.loads(command("ip", "-json", "netns", "list") or "[]")
    return [entry["name"] for entry in names if entry["name"].startswith(PREFIX)]


def remove_namespace(name):
    """Ends what runs inside and deletes it; it may be gone already."""
    with contextlib.suppress(LabError):
        for _ in range(50):
            pids = command("ip", "netns", "pids", name).split()
            if not pids:
                break
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.01)
        command("ip", "netns", "delete", name)


def remove_all(identity):
    """All that the lab of this identity has made."""
    for name in existing():
        if name.startswith(f"{PREFIX}{identity}-"):
            remove_namespace(name)
    shutil.rmtree(FOLDERS / identity, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        (ROOT / f"{identity}.lock").unlink()


@contextlib.contextmanager
def one_at_a_time():
    """Labs are claimed and swept by one process at a time."""
    for place in (ROOT, FOLDERS):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if place.stat().st_uid != os.geteuid():
            raise LabError(f"{place} is somebody else's")
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def is_held(path):
    """Whether the process that claimed this lock file is alive: the lock goes with the process."""
    with open(path) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def sweep():
    """Removes what dead runners left behind; the identities of their labs."""
    with one_at_a_time():
        found = {path.stem for path in ROOT.glob("*.lock")}
        found |= {path.name for path in FOLDERS.iterdir()}
        found |= {"-".join(name.removeprefix(PREFIX).split("-")[:2]) for name in existing()}
        dead = [identity for identity in sorted(found)
                if not (ROOT / f"{identity}.lock").exists()
                or not is_held(ROOT / f"{identity}.lock")]
        for identity in dead:
            remove_all(identity)
        return dead


class Claim:
    """An identity of one's own, a folder, and the guard that watches over both."""

    def __init__(self):
        self.identity = f"{os.getpid()}-{next(serials)}"
        self.folder = FOLDERS / self.identity
        with one_at_a_time():
            self.lock = open(ROOT / f"{self.identity}.lock", "w")
            fcntl.flock(self.lock, fcntl.LOCK_EX)
            self.folder.mkdir()
        # A session of its own: Ctrl-C is for the runner, which then takes the lab down.
        self.guard = subprocess.Popen([sys.executable, __file__, self.identity],
                                      stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                      start_new_session=True)

    def namespace(self, name, **settings):
        return Namespace(f"{PREFIX}{self.identity}-{name}", **settings)

    def release(self):
        remove_all(self.identity)
        self.lock.close()
        self.guard.stdin.close()
        self.guard.wait()


def guard(identity):
    """Waits for the end of the runner, however it comes, and clears up."""
    for caught in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(caught, signal.SIG_IGN)
    sys.stdin.buffer.read()
    remove_all(identity)


if __name__ == "__main__":
    guard(sys.argv[1])
