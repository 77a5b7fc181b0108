"""Sounds whose way from a mouth to an ear can be measured, and the measuring."""

import numpy
from scipy.signal import chirp, correlate, hilbert

import speech

RATE = speech.RATE
LENGTH = RATE // 25
LOW, HIGH = 400, 3600
# Longer than any peer's delay, and shorter than the distance between two chirps of the same mouth.
LONGEST = RATE * 6 // 10
# Seconds from one chirp to the next.
EACH = 0.75
# Of the correlation coefficient; an Opus copy of a chirp has above 0.8, noise below 0.3.
FOUND = 0.5


def sweep(rises):
    """40 ms, up or down, so that no chirp is taken for one of the other side."""
    ends = (LOW, HIGH) if rises else (HIGH, LOW)
    time = numpy.arange(LENGTH) / RATE
    tone = chirp(time, ends[0], LENGTH / RATE, ends[1], method="linear")
    return tone * numpy.hanning(LENGTH)


def script(seed, count, rises):
    """`count` chirps at uneven distances with silence between them, in 16 bits."""
    draws = numpy.random.default_rng(seed)
    samples = numpy.zeros(int((count * EACH + 1.0) * RATE), dtype=numpy.int16)
    for number in range(count):
        start = int((number * EACH + 0.3 + draws.uniform(0, 0.1)) * RATE)
        samples[start: start + LENGTH] = (sweep(rises) * 12_000).astype(numpy.int16)
    return samples


def coefficients(needle, hay):
    """The envelope of the correlation coefficient at every place."""
    needle, hay = needle.astype(float), hay.astype(float)
    # Codecs turn phases: the envelope stays where it was.
    against = numpy.abs(hilbert(correlate(hay, needle, mode="valid", method="fft")))
    squares = numpy.concatenate([[0.0], numpy.cumsum(hay ** 2)])
    energy = squares[len(needle):] - squares[:-len(needle)]
    floor = len(needle) * 15.0 ** 2
    return against / numpy.sqrt(numpy.maximum(energy, floor) * numpy.sum(needle ** 2))


def delays(mouth, ear, rises):
    """The way of each chirp that was said, in milliseconds; `None` for one that was not heard."""
    needle = sweep(rises)
    said = coefficients(needle, mouth)
    places, at = [], 0
    while (rest := said[at:]).size and rest.max() > 0.95:
        # The first place of a group of good ones is the flank of its peak.
        first = at + int(numpy.argmax(rest > 0.95))
        peak = first + int(numpy.argmax(said[first: first + LENGTH]))
        places.append(peak)
        at = peak + LONGEST
    found = []
    for place in places:
        window = ear[place: place + LONGEST + LENGTH]
        if len(window) < 2 * LENGTH:
            continue
        heard = coefficients(needle, window)
        best = int(numpy.argmax(heard))
        found.append(best / RATE * 1000 if heard[best] > FOUND else None)
    return found
