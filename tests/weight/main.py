"""How quickly windows are there, and what they take; see tests/weight/run."""

import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import numpy

SIZE = (1280, 800)
# A window is finished with the first picture from which on as much as this stays as it is.
SAME = 0.995
# Seconds that are looked at after a start, and seconds after which it is idle.
LOOKED_AT = 5.0
IDLE = 12.0
STEP = 0.01
PAGE = """<!doctype html><meta charset="utf-8"><title>Hello</title>
<style>body { font: 2rem sans-serif; background: #1d5f4a; color: #fff } button { font: inherit }</style>
<h1>Hello, world</h1><input placeholder="Name"><button>Continue</button>
"""
MAIN = """const { app, BrowserWindow } = require("electron");
app.whenReady().then(() => {
  const window = new BrowserWindow({ width: 1000, height: 700, show: false });
  window.once("ready-to-show", () => window.show());
  window.loadFile("index.html");
});
"""


class Screen:
    """A screen whose pixels lie in a file."""

    def __init__(self, folder):
        read, write = os.pipe()
        self.process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-nolisten", "tcp",
             "-fbdir", str(folder)],
            pass_fds=[write], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as told:
            number = told.readline().strip()
        if not number:
            sys.exit("Xvfb did not start")
        self.display = f":{number}"
        file = folder / "Xvfb_screen0"
        header = file.read_bytes()[:100]
        size, colours = struct.unpack(">I", header[:4])[0], struct.unpack(">I", header[76:80])[0]
        self.pixels = numpy.memmap(file, dtype=numpy.uint32, mode="r", offset=size + 12 * colours,
                                   shape=(SIZE[1], SIZE[0]))

    def picture(self):
        return numpy.array(self.pixels)

    def close(self):
        self.process.terminate()
        self.process.wait(10)


def family(pid):
    """A process and all that it started."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                after = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(after[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += parents.get(one, [])
    return found


def memory(pid):
    """Megabytes of a process and all that it started, and how many processes: proportional, so that what they share
    counts once, and what is theirs alone."""
    proportional = private = processes = 0
    for one in family(pid):
        try:
            lines = pathlib.Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        fields = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
        proportional += fields["Pss"]
        private += fields["Private_Clean"] + fields["Private_Dirty"]
        processes += 1
    return proportional * 1024 / 1e6, private * 1024 / 1e6, processes


def start(screen, words, environment, folder):
    with open(folder / "output", "ab") as log:
        return subprocess.Popen(words, env={**environment, "DISPLAY": screen.display}, stdin=subprocess.DEVNULL,
                                stdout=log, stderr=log, start_new_session=True)


def end(process):
    """Ends a program and all that it started."""
    pids = family(process.pid)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def seconds_to_window(screen, words, environment, folder):
    """From the start to the picture that stays."""
    began = time.monotonic()
    process = start(screen, words, environment, folder)
    seen = []
    while (passed := time.monotonic() - began) < LOOKED_AT:
        picture = screen.picture()
        # Only what changed is kept.
        if not seen or not numpy.array_equal(picture, seen[-1][1]):
            seen.append((time.monotonic() - began, picture))
        time.sleep(max(0.0, STEP - (time.monotonic() - began - passed)))
    if process.poll() is not None:
        sys.exit(f"{words[0]} has ended: {(folder / 'output').read_text()[-500:]}")
    last = seen[-1][1]
    if len(numpy.unique(last)) < 16:
        sys.exit(f"{words[0]} shows nothing: {(folder / 'output').read_text()[-500:]}")
    # Backwards, to the first from which on nothing else was shown.
    done = seen[-1][0]
    for at, picture in reversed(seen):
        if numpy.mean(picture == last) < SAME:
            break
        done = at
    end(process)
    return done


def candidates(options, folder):
    """What is measured: a name, how it is started, and in which environment."""
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "DBUS_SESSION_BUS_ADDRESS") if key in os.environ}
    for name in ("data", "config", "cache", "runtime"):
        (folder / name).mkdir(mode=0o700)
    base = {**kept, "HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "cache"), "XDG_RUNTIME_DIR": str(folder / "runtime"), "LC_ALL": "C.UTF-8",
            "GDK_BACKEND": "x11", "NO_AT_BRIDGE": "1", "GTK_USE_PORTAL": "0"}
    ours = {**base, "WEBKIT_DISABLE_DMABUF_RENDERER": "1", "LIBGL_ALWAYS_SOFTWARE": "1"}
    page = folder / "hello"
    page.mkdir()
    (page / "index.html").write_text(PAGE)
    (page / "main.js").write_text(MAIN)
    (page / "package.json").write_text('{"name": "hello", "version": "1.0.0", "main": "main.js"}')
    yield "Cooee", [str(options.app), "--data", str(folder / "cooee")], ours
    # As root neither runs in its sandbox, which here says nothing about either.
    if options.electron:
        yield "Electron, hello world", [str(options.electron), "--no-sandbox", str(page)], base
    if chromium := shutil.which("chromium"):
        yield "Chromium, hello world", [chromium, "--no-sandbox", "--no-first-run", "--disable-sync",
                                        "--disable-background-networking", "--disable-component-update",
                                        f"--user-data-dir={folder / 'chromium'}", "--window-size=1000,700",
                                        f"--app=file://{page / 'index.html'}"], base


def main():
    parser = argparse.ArgumentParser(prog="tests/weight/run", description=__doc__)
    parser.add_argument("--app", required=True, type=pathlib.Path)
    parser.add_argument("--electron", type=pathlib.Path)
    parser.add_argument("--starts", type=int, default=7, help="warm starts of each, after one that is not counted")
    parser.add_argument("--most-seconds", type=float, default=1.5, help="the app's limit, its median")
    parser.add_argument("--most-megabytes", type=float, default=150.0, help="the app's limit, proportional")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures there, too")
    options = parser.parse_args()
    if "DBUS_SESSION_BUS_ADDRESS" not in os.environ:
        os.execvp("dbus-run-session", ["dbus-run-session", "--", sys.executable, *sys.argv])
    rows, failed = [], []
    with tempfile.TemporaryDirectory(prefix="cooee-weight-", ignore_cleanup_errors=True) as folder:
        folder = pathlib.Path(folder)
        screen = Screen(folder)
        try:
            for name, words, environment in candidates(options, folder):
                seconds_to_window(screen, words, environment, folder)
                took = [seconds_to_window(screen, words, environment, folder) for _ in range(options.starts)]
                process = start(screen, words, environment, folder)
                time.sleep(IDLE)
                proportional, private, processes = memory(process.pid)
                end(process)
                rows.append({"program": name, "seconds": took, "median": statistics.median(took),
                             "megabytes": proportional, "private": private, "processes": processes})
        finally:
            screen.close()
    print("| program | start to finished window, median (least to most) | memory when idle | of it private | processes |")
    print("|---|---|---|---|---|")
    for row in rows:
        print(f"| {row['program']} | {row['median']:.2f} s ({min(row['seconds']):.2f} to {max(row['seconds']):.2f}) | "
              f"{row['megabytes']:.0f} MB | {row['private']:.0f} MB | {row['processes']} |")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))
    ours = rows[0]
    if ours["median"] > options.most_seconds:
        failed.append(f"the window takes {ours['median']:.2f} s, and {options.most_seconds} s are the most")
    if ours["megabytes"] > options.most_megabytes:
        failed.append(f"idle takes {ours['megabytes']:.0f} MB, and {options.most_megabytes:.0f} MB are the most")
    for one in failed:
        print(one)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
