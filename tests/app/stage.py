"""What the stories play on: a screen, a sound card for each person, a server, and the app in a desktop session
of each person's own, with a keyring that outlives the app."""

import base64
import errno
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

from webdriver import Browser, Failure

RATE = 48_000
# With a password, so that a keyring which nobody unlocks stays locked.
UNLOCK = "printf pass | gnome-keyring-daemon --unlock"
TOOLS = {"cc": "build-essential", "openssl": "openssl", "Xvfb": "xvfb", "WebKitWebDriver": "webkit2gtk-driver", "dbus-run-session": "dbus",
         "gnome-keyring-daemon": "gnome-keyring", "pulseaudio": "pulseaudio", "pactl": "pulseaudio-utils",
         "paplay": "pulseaudio-utils", "parec": "pulseaudio-utils"}


def missing():
    """Debian's packages that are not here."""
    plugins = pathlib.Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")
    wanted = {package for tool, package in TOOLS.items() if not shutil.which(tool)}
    return sorted(wanted | (set() if list(plugins) else {"libasound2-plugins"}))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def end(process, patience=10):
    """Ends a process and all that it started; each leads a group of its own."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def start(*words, log, **options):
    # Daemons outlive the app and keep what they inherited: output goes to files, never to a pipe.
    return subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                            start_new_session=True, **options)


class Stage:
    """Everything of one story; `close` leaves nothing behind."""

    def __init__(self, binaries, driver, folder):
        self.binaries, self.driver, self.folder = binaries, driver, folder
        self.log = open(folder / "stage.log", "wb")
        self.running, self.people = [], {}
        self.display = self._screen()
        self.sound = Sound(self, folder / "sound")
        self.server = None

    def start(self, *words, **options):
        process = start(*words, log=options.pop("log", self.log), **options)
        self.running.append(process)
        return process

    def _screen(self):
        read, write = os.pipe()
        self.start("Xvfb", "-displayfd", write, "-screen", "0", "1280x900x24", "-nolisten", "tcp", pass_fds=[write])
        os.close(write)
        with os.fdopen(read) as told:
            number = told.readline().strip()
        if not number:
            raise Failure("Xvfb did not start")
        return f":{number}"

    def serve(self, *options):
        """Starts the server; the same address and data each time."""
        if self.server is None:
            self.server = Server(self)
        self.server.start(*options)
        return self.server

    def person(self, name):
        self.people[name] = Person(self, name)
        return self.people[name]

    def terminal(self, name, *words, password=None, new=None):
        """The terminal client, as another device of somebody's."""
        data = self.folder / f"{name}-terminal"
        environment = {**os.environ, **({"COOEE_PASSWORD": password} if password else {}),
                       **({"COOEE_NEW_PASSWORD": new} if new else {})}
        done = subprocess.run([str(self.binaries / "cooee"), "--data", str(data), "--server", self.server.url,
                               "--credentials", "file", *words], env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise Failure(f"cooee {' '.join(words)}: {done.stderr}")

    def certificate(self):
        """An authority of one's own and a certificate of its for this machine, valid today; the paths of the
        authority, the certificate and its key."""
        names = [self.folder / name for name in ("authority.pem", "authority.key", "server.pem", "server.key")]
        authority, authority_key, certificate, key = names
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
        for words in (
            ["-subj", "/CN=test authority", "-keyout", authority_key, "-out", authority,
             "-addext", "basicConstraints=critical,CA:TRUE"],
            ["-subj", "/CN=localhost", "-keyout", key, "-out", certificate, "-CA", authority, "-CAkey", authority_key,
             "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"],
        ):
            done = subprocess.run(["openssl", "req", "-x509", *curve, *words], capture_output=True, text=True)
            if done.returncode != 0:
                raise Failure(f"no certificate: {done.stderr}")
        return authority, certificate, key

    def screenshots(self, folder):
        """What everybody sees, for whoever looks at a failure."""
        for person in self.people.values():
            person.screenshot(folder / f"{person.name}.png")

    def close(self):
        for person in self.people.values():
            person.close()
        for process in reversed(self.running):
            end(process)
        self.log.close()


class Server:
    def __init__(self, stage):
        self.stage, self.process = stage, None
        self.address = "127.0.0.1:0"
        self.url = None

    def start(self, *options):
        ready = self.stage.folder / "server.ready"
        ready.unlink(missing_ok=True)
        with open(ready, "wb") as out, open(self.stage.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [str(self.stage.binaries / "cooee-server"), "--data", str(self.stage.folder / "server"), "--listen",
                 self.address, "--stun", "127.0.0.1:0", *options],
                stdin=subprocess.DEVNULL, stdout=out, stderr=log, start_new_session=True)
        self.stage.running.append(self.process)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if told := re.search(r"listening on (wss?://(\S+?))[\s/]", ready.read_text() + " "):
                self.url, self.address = told[1], told[2]
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise Failure(f"the server did not start: {(self.stage.folder / 'server.log').read_text()[-500:]}")

    def stop(self):
        end(self.process)


class Sound:
    """A sound server of one's own: for each person a microphone `NAME-mic`, the sink `NAME-mouth` that speaks into
    it, and the loudspeaker `NAME-ear`."""

    def __init__(self, stage, folder):
        folder.mkdir()
        self.stage, self.folder, self.socket = stage, folder, folder / "pulse"
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "PULSE_RUNTIME_PATH": str(folder),
                            "PULSE_STATE_PATH": str(folder), "PULSE_SERVER": f"unix:{self.socket}",
                            "HOME": str(folder), "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}
        stage.start("pulseaudio", "-n", "--system=false", "--daemonize=no", "--exit-idle-time=-1",
                    "--disable-shm=true", "--use-pid-file=false", "--realtime=false",
                    f"--load=module-native-protocol-unix socket={self.socket} auth-anonymous=1",
                    env=self.environment)
        until = time.monotonic() + 15
        while not self.socket.exists() or self.ctl("info").returncode != 0:
            if time.monotonic() > until:
                raise Failure("PulseAudio did not start")
            time.sleep(0.05)

    def ctl(self, *words):
        return subprocess.run(["pactl", *words], env=self.environment, capture_output=True, text=True, timeout=10)

    def load(self, module, **arguments):
        loaded = self.ctl("load-module", module, *(f"{key}={value}" for key, value in arguments.items()))
        if loaded.returncode != 0:
            raise Failure(f"{module}: {loaded.stderr}")
        return loaded.stdout.strip()

    def unload(self, number):
        self.ctl("unload-module", number)

    def plug_in(self, name):
        """A microphone and a loudspeaker; the numbers by which they are pulled out."""
        one = {"rate": RATE, "channels": 1, "format": "s16le"}
        mouth = self.load("module-null-sink", sink_name=f"{name}-mouth", **one)
        mic = self.microphone(name)
        ear = self.load("module-null-sink", sink_name=f"{name}-ear", **one)
        return {"mouth": mouth, "mic": mic, "ear": ear}

    def microphone(self, name):
        return self.load("module-remap-source", source_name=f"{name}-mic", master=f"{name}-mouth.monitor")

    def say(self, path, name):
        return subprocess.Popen(["paplay", f"--device={name}-mouth", str(path)], env=self.environment,
                                stdin=subprocess.DEVNULL, stdout=self.stage.log, stderr=self.stage.log)

    def listen(self, name, path):
        """Records what a person's loudspeaker plays until the returned process is ended."""
        return subprocess.Popen(
            ["parec", f"--device={name}-ear.monitor", "--latency-msec=20", f"--rate={RATE}", "--channels=1",
             "--format=s16le", "--raw", str(path)],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=self.stage.log, stderr=self.stage.log)


class Person:
    """Somebody at a desktop of their own: folders, a session bus, an unlocked keyring, and the app."""

    def __init__(self, stage, name):
        self.stage, self.name, self.browser, self.desktop, self.disk = stage, name, None, None, None
        self.application = stage.binaries / "cooee-app"
        self.home = stage.folder / name
        self.home.mkdir()
        self.devices = stage.sound.plug_in(name)
        (self.home / ".asoundrc").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
        folders = {"XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "config", "XDG_CACHE_HOME": "cache",
                   "XDG_RUNTIME_DIR": "runtime"}
        for folder in folders.values():
            (self.home / folder).mkdir(mode=0o700)
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "RUST_BACKTRACE") if key in os.environ}
        self.environment = {
            **kept, "HOME": str(self.home), "DISPLAY": stage.display, "LC_ALL": "C.UTF-8", "LANGUAGE": "en",
            "PULSE_SERVER": f"unix:{stage.sound.socket}", "PULSE_SOURCE": f"{name}-mic", "PULSE_SINK": f"{name}-ear",
            "GDK_BACKEND": "x11", "NO_AT_BRIDGE": "1", "GTK_USE_PORTAL": "0", "COOEE_LOG": "info",
            # Without a graphics card, buffers that are shared with one stay blank.
            "WEBKIT_DISABLE_DMABUF_RENDERER": "1", "LIBGL_ALWAYS_SOFTWARE": "1",
            **{key: str(self.home / folder) for key, folder in folders.items()}}

    def sit_down(self, keyring="unlocked"):
        """Begins the desktop session: a bus, a keyring as wanted, and the driver in it."""
        self.port, native = free_port(), free_port()
        driver = f"exec '{self.stage.driver}' --port {self.port} --native-port {native}"
        unlock = {"unlocked": f"{UNLOCK} --components=secrets >/dev/null && ",
                  "locked": "gnome-keyring-daemon --start --components=secrets >/dev/null && ",
                  "none": ""}[keyring]
        unlock = f"printf %s \"$DBUS_SESSION_BUS_ADDRESS\" >'{self.home}/bus' && {unlock}"
        log = open(self.home / "desktop.log", "ab")
        self.desktop = start("dbus-run-session", "--", "bash", "-c", unlock + driver, log=log, env=self.environment)
        # Of the two drivers one speaks for the other, and is ready first.
        until = time.monotonic() + 40
        while time.monotonic() < until:
            if listens(self.port) and listens(native):
                return
            if self.desktop.poll() is not None:
                break
            time.sleep(0.05)
        raise Failure(f"{self.name}'s driver did not start: {(self.home / 'desktop.log').read_text()[-500:]}")

    def unlock(self):
        """Unlocks the keyring of the desktop session that goes on."""
        bus = {"DBUS_SESSION_BUS_ADDRESS": (self.home / "bus").read_text()}
        done = subprocess.run(["bash", "-c", UNLOCK], env={**self.environment, **bus}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise Failure(f"the keyring does not unlock: {done.stderr}")

    def dismiss_prompt(self, patience=20):
        """Closes the question for the keyring's password, where the desktop has such a question."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            for entry in pathlib.Path("/proc").iterdir():
                try:
                    asks = b"gcr-prompter" in (entry / "cmdline").read_bytes()
                    ours = f"HOME={self.home}\0".encode() in (entry / "environ").read_bytes()
                except OSError:
                    continue
                if asks and ours:
                    os.kill(int(entry.name), signal.SIGKILL)
                    return
            time.sleep(0.2)

    def plug_in_microphone(self):
        """The one that was pulled out, again."""
        self.devices["mic"] = self.stage.sound.microphone(self.name)

    def buy_small_disk(self, megabytes):
        """What the app keeps lies on a disk of its own, so small that it can be filled."""
        place = self.home / "data"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(place)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"only root can make a small disk: {done.stderr}")
        self.disk = place

    def fill_disk(self):
        with open(self.disk / "filler", "wb", buffering=0) as filler:
            try:
                while filler.write(bytes(4096)):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def clear_disk(self):
        (self.disk / "filler").unlink()

    def set_clock(self, wrong_by):
        """The app's clock is wrong by so many seconds, from now on; before its first start, and while it runs."""
        file = self.home / "clock"
        file.write_text(f"{wrong_by}\n".ljust(16))
        library = self.stage.folder / "clock.so"
        if not library.exists():
            source = pathlib.Path(__file__).with_name("clock.c")
            subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source, "-ldl"], check=True)
        self.application = self.home / "app-with-clock"
        self.application.write_text(f"#!/bin/sh\nexport LD_PRELOAD='{library}' COOEE_CLOCK='{file}'\n"
                                    f"exec '{self.stage.binaries}/cooee-app' \"$@\"\n")
        self.application.chmod(0o755)

    def trust(self, authority):
        """The desktop trusts this authority's certificates and no others."""
        self.environment["SSL_CERT_FILE"] = str(authority)

    def log(self):
        """What the app has written down, its former files included."""
        files = sorted((self.home / "data").glob("*/log/cooee.log*"))
        return "".join(file.read_text() for file in files)

    def open(self, *arguments):
        """Starts the app."""
        if self.desktop is None:
            self.sit_down()
        self.browser = Browser(self.port, self.application, arguments)

    def leave(self):
        """Ends the app; the desktop stays."""
        if self.browser is not None:
            self.browser.quit()
            self.browser = None

    def stand_up(self):
        """Ends the app and the desktop session."""
        try:
            self.leave()
        except Failure:
            self.browser = None
        if self.desktop is not None:
            end(self.desktop)
            self.desktop = None

    def screenshot(self, path):
        if self.browser is not None:
            try:
                path.write_bytes(base64.b64decode(self.browser.screenshot()))
            except Failure:
                pass

    def close(self):
        self.stand_up()
        if self.disk is not None:
            subprocess.run(["umount", "-l", str(self.disk)], check=False)
