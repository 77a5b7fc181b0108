"""A call between two `baresip` in the lab, over a room's microphones and loudspeakers."""

import pathlib
import shutil
import subprocess
import sys
import time

import people
import room
import speech

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))
from lab import Lab  # noqa: E402
from link import Link  # noqa: E402

NAMES = ("alice", "bob")
MODULES = pathlib.Path("/usr/lib/baresip/modules")
CONFIG = """\
sip_listen {address}:5060
audio_player alsa,default
audio_source alsa,default
audio_alert alsa,default
ausrc_srate 48000
auplay_srate 48000
ausrc_channels 1
auplay_channels 1
audio_buffer 20-160
jitter_buffer_delay 5-10
rtp_stats yes
module_path {modules}
module stdio.so
module opus.so
module alsa.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
opus_bitrate {bitrate}
opus_stereo no
opus_sprop_stereo no
opus_inbandfec {fec}
opus_packet_loss 10
ringback_disabled yes
menu_bell no
"""
ACCOUNT = "<sip:{name}@{address};transport=udp>;regint=0;audio_codecs=opus/48000/2;answermode=auto;ptime=20\n"


def missing():
    """Debian's packages that are not here."""
    return room.missing() + ([] if shutil.which("baresip") else ["baresip-core"])


class Phone:
    """One `baresip` process on a machine of the lab."""

    def __init__(self, client, sounds, bitrate, fec=True, dial=None):
        folder = client.lab.folder / f"baresip-{client.name}"
        folder.mkdir(exist_ok=True)
        address = client.network.v4
        (folder / "config").write_text(CONFIG.format(
            address=address, modules=MODULES, bitrate=bitrate, fec="yes" if fec else "no"))
        (folder / "accounts").write_text(ACCOUNT.format(name=client.name, address=address))
        (folder / "contacts").write_text("")
        self.name, self.log = client.name, client.lab.folder / f"baresip-{client.name}.log"
        words = ["-e", f"/dial {dial}"] if dial else []
        with open(self.log, "wb") as log:
            # It refuses a stdin that cannot be polled.
            self.process = client.namespace.start(
                "baresip", "-4", "-n", client.network.interface, "-f", folder, *words,
                stdin=subprocess.PIPE, stdout=log, stderr=log, env=sounds.sound_of(client.name))

    def wait(self, words, patience=15):
        until = time.monotonic() + patience
        while time.monotonic() < until and self.process.poll() is None:
            if words in self.log.read_text(errors="replace"):
                return
            time.sleep(0.05)
        raise people.Failure(f"{self.name}'s baresip never said `{words}`: "
                             f"{self.log.read_text(errors='replace')[-600:]}")

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()


def call(lab, sounds, bitrate, fec=True):
    """Bob waits, alice calls him; both, with the call established."""
    bob = Phone(lab.clients["bob"], sounds, bitrate, fec)
    phones = [bob]
    try:
        bob.wait("baresip is ready")
        address = lab.clients["bob"].network.v4
        alice = Phone(lab.clients["alice"], sounds, bitrate, fec, dial=f"sip:bob@{address}")
        phones.insert(0, alice)
        for phone in phones:
            phone.wait("Call established")
    except BaseException:
        for phone in phones:
            phone.close()
        raise
    return phones


class Baresip:
    """The pair that the impaired link is put between, as `Cooee` is in impaired.py."""

    name = "baresip"

    def __init__(self, options):
        self.bitrate = options.bitrate
        self.lab = Lab(0, options.binaries, keep=options.keep)
        try:
            for name in NAMES:
                self.lab.client(name)
            self.link = Link(self.lab.folder, self.lab.clients["alice"].network.port, 0,
                             pathlib.Path(__file__).with_name("voice_shaper.py"))
            self.lab.links["voice"] = self.link
            self.room = room.Room(self.lab.internet, self.lab.folder / "room", NAMES)
            for name in NAMES:
                speech.write(self.lab.folder / f"{name}-said.wav", speech.spoken(name))
        except BaseException:
            self.lab.close()
            raise

    def close(self):
        self.room.close()
        self.lab.close()

    def talk(self, cell, seed):
        """One call; for each side what was said and heard, and the counts of the link."""
        from impaired import MARGIN, impair
        self.link.set()
        if cell.is_lossless:
            impair(self.link, cell, seed)
        phones = call(self.lab, self.room, self.bitrate)
        try:
            # The jitter buffer has settled by then; its losses come from the link alone.
            time.sleep(1.0)
            recording = self.room.record(self.lab.folder / "room.raw")
            impair(self.link, cell, seed)
            talking = [self.room.play(self.lab.folder / f"{name}-said.wav", name) for name in NAMES]
            for process in talking:
                if process.wait(60):
                    raise people.Failure("paplay failed")
            time.sleep(MARGIN)
            counts = self.link.counts()
            self.link.set()
            heard = recording.stop()
        finally:
            for phone in phones:
                phone.close()
        pairs = [(heard["alice"][0], heard["bob"][1]), (heard["bob"][0], heard["alice"][1])]
        lags = [speech.align(said, ear)[1] for said, ear in pairs]
        return {"heard": [(speech.spoken(name), ear) for name, (_, ear) in zip(NAMES, pairs)],
                "counts": counts, "lag_ms": 1000 * sum(lags) / len(lags)}
