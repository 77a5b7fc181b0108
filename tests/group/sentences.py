"""A sentence for everybody in a group call, and where each is heard in a mix of others."""

import pathlib
import shutil
import subprocess
import sys

import numpy
from scipy.signal import correlate, resample_poly

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "quality"))
import speech  # noqa: E402

RATE = speech.RATE
# Voice, pitch, words: what is compared has to differ, also where everybody speaks at once.
PEOPLE = {
    "alice": ("en-gb", 55, "The kettle on the stove begins to sing at seven."),
    "bob": ("de", 30, "Heute Abend gehen wir zusammen am Fluss spazieren."),
    "carol": ("fr", 65, "Les voisins plantent des tulipes devant la porte."),
    "dave": ("es", 40, "Mi hermano compra naranjas en el mercado viejo."),
    "erin": ("it", 70, "La finestra della cucina guarda verso il mare."),
    "frank": ("en-us", 20, "Nobody remembers who painted that wooden bridge."),
    "grace": ("pt", 60, "O comboio da tarde chegou com vinte minutos de atraso."),
    "heidi": ("nl", 45, "De kinderen bouwen een kasteel van nat zand."),
}
SEGMENT = RATE // 5
SLACK = RATE * 3 // 50
# Of a segment's own best place in the recording; an Opus copy has above 0.9, another voice below 0.4.
HEARD = 0.6


def missing():
    """Debian's packages that are not here."""
    return [] if shutil.which("espeak-ng") else ["espeak-ng"]


def said_by(name):
    """One sentence, 48 kHz, without silence at its ends."""
    voice, pitch, words = PEOPLE[name]
    raw = subprocess.run(["espeak-ng", "-v", voice, "-p", str(pitch), "-s", "165", "--stdout", words],
                         check=True, capture_output=True).stdout
    # Its header is that of a stream without an end, which readers of files warn about.
    rate, samples = int.from_bytes(raw[24:28], "little"), numpy.frombuffer(raw[44:], dtype="<i2")
    samples = resample_poly(samples.astype(float), RATE, rate)
    loud = numpy.flatnonzero(numpy.abs(samples) > 300)
    samples = samples[loud[0]: loud[-1] + 1]
    # So that a mix of all of them does not clip.
    return (samples / numpy.abs(samples).max() * 9000).astype(numpy.int16)


def timetable(sentences, lead, pause):
    """When each is said alone, and when all are said at once; in samples, with the whole length."""
    at, alone = int(lead * RATE), {}
    for name, samples in sentences.items():
        alone[name] = at
        at += len(samples) + int(pause * RATE)
    return alone, at, at + max(map(len, sentences.values())) + int(pause * RATE)


def script(sentences, name, alone, together, length):
    """All that one person says."""
    whole = numpy.zeros(length, dtype=numpy.int16)
    for start in (alone[name], together):
        whole[start: start + len(sentences[name])] = sentences[name]
    return whole


def normalised(needle, hay):
    """The correlation coefficient for every place of the needle in the hay."""
    needle = needle.astype(float)
    hay = hay.astype(float)
    if len(hay) < len(needle):
        return numpy.zeros(1)
    against = correlate(hay, needle, mode="valid", method="fft")
    squares = numpy.concatenate([[0.0], numpy.cumsum(hay ** 2)])
    energy = squares[len(needle):] - squares[:-len(needle)]
    floor = len(needle) * 20.0 ** 2
    return against / numpy.sqrt(numpy.maximum(energy, floor) * numpy.sum(needle ** 2))


def heard(sentence, hay):
    """How much of a sentence that is said alone is missing, where it begins, and the median match."""
    whole = normalised(sentence, hay)
    begin = int(numpy.argmax(whole))
    matches = []
    for start in range(0, len(sentence) - SEGMENT + 1, SEGMENT):
        part = sentence[start: start + SEGMENT]
        if numpy.abs(part.astype(int)).mean() < 150:
            continue
        low = max(0, begin + start - SLACK)
        matches.append(float(normalised(part, hay[low: begin + start + SEGMENT + SLACK]).max()))
    lost = sum(match < HEARD for match in matches) / len(matches)
    return {"lost": lost, "begin": begin, "match": float(numpy.median(matches))}


def stands_out(sentence, hay, expected):
    """How far its correlation near the expected place is above any elsewhere: above 1, it is there."""
    found = numpy.abs(normalised(sentence, hay))
    near = slice(max(0, expected - 2 * SLACK), expected + 2 * SLACK)
    best = found[near].max() if len(found[near]) else 0.0
    found[near] = 0.0
    return float(best / max(found.max(), 1e-9))
