"""A call between two `mumble` under one Xvfb, through a `murmurd`, over a room's sound.

Nothing is clicked: the server's certificate and each client's own are made here, and put where Mumble would
have put them after its two dialogs.
"""

import hashlib
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import time

import people

PORT = 64738
USER = "mumble-server"
PROGRAMS = {"mumble": "mumble", "murmurd": "mumble-server", "Xvfb": "xvfb", "openssl": "openssl"}
SERVER = """\
database={folder}/murmur.sqlite
logfile=
host={host}
port={port}
bandwidth=130000
users=10
allowping=false
bonjour=false
autobanAttempts=0
sslCert={folder}/murmur.crt
sslKey={folder}/murmur.key
"""
CLIENT = """\
[General]
lastupdate=2

[pulseaudio]
input={name}-mic
output={name}-ear

[ui]
usage=false
updatecheck=false
plugincheck=false
disablepubliclist=true
askonquit=false
state=@ByteArray()

[tts]
enable=false

[shortcut]
enable=false

[overlay]
enable=false

[audio]
input=PulseAudio
output=PulseAudio
transmit=0
{audio}

[net]
certificate="@ByteArray({certificate})"
{net}
"""
# What a user who wants the least delay sets in the wizard, at 24 kbit/s; the others leave all as it is.
LOWEST = ("quality=24000\noutputdelay=1\nnoisesupress=0\ndenoise=false\nloudness=1000\necho=false",
          "framesperpacket=1\njitterbuffer=1")
DEFAULT = ("", "")


def missing():
    """Debian's packages that are not here."""
    return [package for program, package in PROGRAMS.items() if not shutil.which(program)]


def openssl(*words, data=None):
    return subprocess.run(["openssl", *words], input=data, capture_output=True, check=True).stdout


def certificate(folder, name):
    """A self-signed one: its files are NAME.crt and NAME.key."""
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name}",
            "-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt"))


def sealed(folder, name):
    """A client's certificate as Mumble keeps it: PKCS #12 without a password."""
    return openssl("pkcs12", "-export", "-passout", "pass:", "-name", name, "-keypbe", "PBE-SHA1-3DES",
                   "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1",
                   "-inkey", str(folder / f"{name}.key"), "-in", str(folder / f"{name}.crt"))


class Server:
    """`murmurd` on a machine of the lab."""

    def __init__(self, machine, folder, host):
        self.host, self.log = host, folder / "murmur.log"
        # It becomes another user, who has no business in the lab's folder.
        self.own = pathlib.Path(tempfile.mkdtemp(prefix="cooee-murmur-"))
        certificate(self.own, "murmur")
        der = openssl("x509", "-in", str(self.own / "murmur.crt"), "-outform", "DER")
        self.digest = hashlib.sha1(der).hexdigest()
        (self.own / "murmur.ini").write_text(SERVER.format(folder=self.own, host=host, port=PORT))
        for path in (self.own, *self.own.iterdir()):
            shutil.chown(path, USER)
        with open(self.log, "wb") as log:
            self.process = machine.start("murmurd", "-fg", "-ini", self.own / "murmur.ini",
                                         stdout=log, stderr=log)
        try:
            wait_for(self.log, "Server listening on", self.process)
        except people.Failure:
            self.close()
            raise

    def close(self):
        stop(self.process)
        shutil.rmtree(self.own, ignore_errors=True)


class Screen:
    """An Xvfb that nobody looks at."""

    def __init__(self, namespace, folder):
        self.log = folder / "xvfb.log"
        read, write = os.pipe()
        with open(self.log, "wb") as log:
            self.process = namespace.start("Xvfb", "-displayfd", write, "-screen", "0", "800x600x24",
                                           "-nolisten", "tcp", pass_fds=[write], stdout=log, stderr=log)
        os.close(write)
        with open(read) as told:
            self.display = f":{told.readline().strip()}"
        if self.display == ":":
            raise people.Failure(f"Xvfb did not start: {self.log.read_text()[-300:]}")

    def close(self):
        stop(self.process)


class Client:
    """One `mumble` of somebody in the room."""

    def __init__(self, client, room, screen, server, settings):
        self.name = client.name
        folder = client.lab.folder / f"mumble-{self.name}"
        certificate(client.lab.folder, self.name)
        quoted = "".join(f"\\x{octet:x}" for octet in sealed(client.lab.folder, self.name))
        audio, net = settings
        config = folder / ".config" / "Mumble"
        config.mkdir(parents=True)
        (config / "Mumble.conf").write_text(
            CLIENT.format(name=self.name, audio=audio, net=net, certificate=quoted))
        remember(folder / ".local" / "share" / "Mumble" / "Mumble", server)
        self.log, self.folder = client.lab.folder / f"mumble-{self.name}.log", folder
        environment = room.sound_of(self.name) | {
            "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "DISPLAY": screen.display,
            "XDG_CONFIG_HOME": str(folder / ".config"), "XDG_DATA_HOME": str(folder / ".local" / "share"),
            "LC_ALL": "C.UTF-8", "QT_QPA_PLATFORM": "xcb"}
        with open(self.log, "wb") as log:
            self.process = client.namespace.start(
                "mumble", "-m", "-n", f"mumble://{self.name}@{server.host}:{PORT}/?version=1.2.0",
                stdout=log, stderr=log, env=environment)
        wait_for(server.log, f":{self.name}(", self.process, "Authenticated")

    def close(self):
        stop(self.process)
        # Who keeps the lab's folder cannot copy a socket.
        (self.folder / "MumbleSocket").unlink(missing_ok=True)


def remember(folder, server):
    """That the user has looked at the server's certificate and trusts it."""
    folder.mkdir(parents=True)
    with sqlite3.connect(folder / "mumble.sqlite") as base:
        base.execute("CREATE TABLE cert (id INTEGER PRIMARY KEY AUTOINCREMENT, hostname TEXT, port INTEGER, "
                     "digest TEXT)")
        base.execute("CREATE UNIQUE INDEX cert_host_port ON cert(hostname, port)")
        base.execute("INSERT INTO cert (hostname, port, digest) VALUES (?, ?, ?)",
                     (server.host, PORT, server.digest))
    base.close()


def wait_for(log, words, process, more="", patience=25):
    until = time.monotonic() + patience
    while time.monotonic() < until and process.poll() is None:
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        if any(words in line and more in line for line in lines):
            return
        time.sleep(0.05)
    tail = log.read_text(errors="replace")[-600:] if log.exists() else "no log"
    raise people.Failure(f"`{words}` was never said in {pathlib.Path(log).name}: {tail}")


def stop(process):
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
