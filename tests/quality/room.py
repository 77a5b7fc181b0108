"""Microphones and loudspeakers without a sound card: one PulseAudio null sink on one clock.

Every microphone and every loudspeaker is one channel of the same null sink. So a single recording of
its monitor holds all that was said and all that was heard, sample beside sample: no two recordings
have to be lined up, and what it takes to play into a microphone cancels out.
"""

import os
import pathlib
import shutil
import socket
import struct
import subprocess
import time

import numpy

import people

RATE = 48_000
# PulseAudio's names of the channels, in the order of the recording.
CHANNELS = ("front-left", "front-right", "rear-left", "rear-right")
PACKAGES = {"pulseaudio": "pulseaudio", "paplay": "pulseaudio-utils", "parec": "pulseaudio-utils"}
# In the recordings and towards the programs.
LATENCY_MS = 5


def missing():
    """Debian's packages that are not here."""
    wanted = {package for program, package in PACKAGES.items() if not shutil.which(program)}
    plugins = pathlib.Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")
    return sorted(wanted | (set() if list(plugins) else {"libasound2-plugins"}))


class Room:
    """A sound server of one's own, in a namespace that takes it along when it goes.

    For each name there are the microphone `NAME-mic`, the sink `NAME-mouth` that speaks into it, and
    the loudspeaker `NAME-ear`.
    """

    def __init__(self, namespace, folder, names):
        self.namespace, self.folder, self.names = namespace, folder, names
        folder.mkdir(parents=True, exist_ok=True)
        self.socket = folder / "pulse.socket"
        own = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "PULSE_RUNTIME_PATH": str(folder),
               "PULSE_STATE_PATH": str(folder), "PULSE_SERVER": f"unix:{self.socket}",
               "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}
        self.environment = {**os.environ, **own}
        channels = CHANNELS[: 2 * len(names)]
        modules = [f"module-native-protocol-unix socket={self.socket} auth-anonymous=1",
                   f"module-null-sink sink_name=room rate={RATE} format=s16le channels={len(channels)} "
                   f"channel_map={','.join(channels)}"]
        for number, name in enumerate(names):
            mouth, ear = channels[2 * number], channels[2 * number + 1]
            one = "channels=1 channel_map=mono remix=no"
            modules += [
                f"module-remap-sink sink_name={name}-mouth master=room {one} master_channel_map={mouth}",
                f"module-remap-sink sink_name={name}-ear master=room {one} master_channel_map={ear}",
                f"module-remap-source source_name={name}-mic master=room.monitor {one} "
                f"master_channel_map={mouth}"]
        (folder / ".asoundrc").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
        with open(folder / "pulse.log", "wb") as log:
            self.process = namespace.start(
                "pulseaudio", "-n", "--system=false", "--daemonize=no", "--exit-idle-time=-1",
                "--disable-shm=true", "--use-pid-file=false", "--realtime=false",
                *(f"--load={module}" for module in modules),
                stdout=log, stderr=log, env=self.environment)
        self._wait()

    def _wait(self):
        until = time.monotonic() + 15
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(str(self.socket))
                except OSError:
                    time.sleep(0.05)
                    continue
            # The modules are loaded in their order, the last after the socket listens.
            shown = self.run("pactl", "list", "short", "sources").stdout
            if f"{self.names[-1]}-mic" in shown:
                return
            time.sleep(0.05)
        log = (self.folder / "pulse.log").read_text(errors="replace")
        raise people.Failure(f"PulseAudio did not start: {log.strip()[-500:]}")

    def sound_of(self, name):
        """What a program needs in its environment to have this person's sound by default."""
        return {**self.environment, "PULSE_SOURCE": f"{name}-mic", "PULSE_SINK": f"{name}-ear"}

    def run(self, *words, **options):
        return subprocess.run([*self.namespace.prefix(), *map(str, words)], env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, **options)

    def play(self, path, name):
        """Says a file into a microphone; the process that does."""
        return self.namespace.start("paplay", f"--device={name}-mouth", path, env=self.environment,
                                    stderr=subprocess.DEVNULL)

    def kill_stream(self, pid, kind):
        """Takes a program's streams away from it, as when a headset is pulled out; how many. `kind` is
        sink-input or source-output."""
        listed = self.run("pactl", "list", f"{kind}s").stdout
        mine = [block.split("#", 1)[1].split()[0] for block in listed.split("\n\n")
                if f'application.process.id = "{pid}"' in block and "#" in block]
        control = self.folder / "pulse.control"
        if not control.exists():
            self.run("pactl", "load-module", "module-cli-protocol-unix", f"socket={control}")
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(10)
            line.connect(str(control))
            for number in mine:
                line.sendall(f"kill-{kind} {number}\n".encode())
            line.shutdown(socket.SHUT_WR)
            while line.recv(4096):
                pass
        return len(mine)

    def record(self, path):
        """Begins to record everything; `Recording.stop` gives it."""
        return Recording(self, path)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Recording:
    """All channels of the room, raw, into a file."""

    def __init__(self, room, path):
        self.room, self.path = room, path
        self.file = open(path, "wb")
        self.process = room.namespace.start(
            "parec", "--device=room.monitor", "--raw", "--format=s16le", f"--rate={RATE}",
            f"--channels={2 * len(room.names)}", f"--latency-msec={LATENCY_MS}",
            f"--channel-map={','.join(CHANNELS[: 2 * len(room.names)])}",
            stdout=self.file, stderr=subprocess.DEVNULL, env=room.environment)

    def stop(self):
        """For each name the pair of what its microphone and its loudspeaker had."""
        self.process.terminate()
        self.process.wait(10)
        self.file.close()
        raw = self.path.read_bytes()
        width = 2 * len(self.room.names)
        whole = len(raw) // struct.calcsize(f"{width}h") * width
        samples = numpy.frombuffer(raw, dtype="<i2", count=whole).reshape(-1, width)
        self.path.unlink()
        return {name: (samples[:, 2 * number].copy(), samples[:, 2 * number + 1].copy())
                for number, name in enumerate(self.room.names)}
