"""What was said, and whether it was heard."""

import pathlib
import signal
import sys
import time

import numpy
from scipy.signal import correlate

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "quality"))
import speech  # noqa: E402

from webdriver import Failure  # noqa: E402

RATE = 48_000
# A third of a second of speech counts as heard when it is somewhere in the recording as alike as this; processing is
# on, as for everybody, and changes the wave.
ALIKE = 0.7
# How much of a sentence has to be heard, and how much more than of another one. Two debug builds on two cores that
# compile beside them still let 42 to 68 % through; of the other sentence it was 12 to 28 %, and of silence nothing.
HEARD = 0.33
MORE = 1.3
TRIES = 4
# Full scale is 32768: what is quieter is silence, or the noise that a codec makes of it.
SILENT = 60


def sentence(stage, name, person):
    """A recorded sentence as a file, and its samples."""
    samples = speech.spoken(person)[: 5 * RATE]
    path = stage.folder / f"{name}-says.wav"
    speech.write(path, samples)
    return path, samples


def talk(stage, speaker, listener, path):
    """The speaker says a file; what the listener's loudspeaker played meanwhile."""
    heard = stage.folder / f"{listener.name}-heard-{speaker.name}-{time.monotonic_ns()}.raw"
    recording = stage.sound.listen(listener.name, heard)
    # The recorder has to be there before the first word.
    until = time.monotonic() + 10
    while not (heard.exists() and heard.stat().st_size > 0):
        if time.monotonic() > until:
            raise Failure("the recording did not begin")
        time.sleep(0.02)
    try:
        saying = stage.sound.say(path, speaker.name)
        if saying.wait(60) != 0:
            raise Failure("the sentence could not be said")
        time.sleep(0.7)
    finally:
        recording.send_signal(signal.SIGTERM)
        recording.wait(10)
    return numpy.fromfile(heard, dtype="<i2")


def share_heard(said, heard, width=RATE * 3 // 10, step=RATE * 3 // 20):
    """How much of what was said is somewhere in what was heard, 0 to 1."""
    heard = heard.astype(numpy.float64)
    if len(heard) <= width:
        return 0.0
    power = numpy.concatenate([[0.0], numpy.cumsum(heard ** 2)])
    loudness = numpy.sqrt(numpy.maximum(power[width:] - power[:-width], 1.0))
    found = []
    for start in range(0, len(said) - width, step):
        part = said[start:start + width].astype(numpy.float64)
        if numpy.abs(part).max() < 2000:
            continue
        against = correlate(heard, part, mode="valid", method="fft")
        alike = numpy.abs(against) / numpy.maximum(loudness * numpy.sqrt(numpy.sum(part ** 2)), 1e6)
        found.append(float(alike.max()) >= ALIKE)
    return sum(found) / len(found)


def must_hear(stage, speaker, listener, path, said):
    """The listener hears the sentence. A machine that is busy with something else swallows parts of it, so it may be
    said again, as people do."""
    others = [speech.spoken(name)[: 5 * RATE] for name in speech.SPOKEN]
    tries = []
    for _ in range(TRIES):
        heard = talk(stage, speaker, listener, path)
        share = share_heard(said, heard)
        other = max(share_heard(one, heard) for one in others if not numpy.array_equal(one, said))
        if share >= HEARD and share >= MORE * other:
            return share
        tries.append(f"{share:.0%} (and {other:.0%} of what nobody said)")
    raise Failure(f"{listener.name} heard too little of what {speaker.name} said: {', '.join(tries)}; wanted are "
                  f"{HEARD:.0%} and {MORE} times the other")


def must_not_hear(stage, speaker, listener, path):
    heard = talk(stage, speaker, listener, path)
    loudest = int(numpy.abs(heard.astype(int)).max(initial=0))
    if loudest > SILENT:
        raise Failure(f"{listener.name} heard something of {speaker.name}, who is muted: up to {loudest} of 32768")
    return loudest
