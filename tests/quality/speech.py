"""Recorded speech, and how alike two recordings of it are."""

import pathlib

import numpy
from pesq import pesq
from pystoi import stoi
from scipy.io import wavfile
from scipy.signal import correlate, resample_poly

RATE = 48_000
RECORDINGS = pathlib.Path("/usr/share/sounds/alsa")
SPOKEN = {
    "alice": ["Front_Center", "Front_Left", "Rear_Center", "Side_Left"],
    "bob": ["Rear_Left", "Front_Right", "Side_Right", "Rear_Right"],
}


def spoken(person):
    """Recorded words with pauses between them, 48 kHz, one channel."""
    pause = numpy.zeros(RATE * 3 // 10, dtype=numpy.int16)
    parts = [numpy.zeros(RATE // 2, dtype=numpy.int16)]
    for name in SPOKEN[person]:
        rate, samples = wavfile.read(RECORDINGS / f"{name}.wav")
        if rate != RATE or samples.ndim != 1:
            raise ValueError(f"{name}.wav is not 48 kHz mono")
        parts += [samples, pause]
    return numpy.concatenate(parts)


def write(path, samples):
    wavfile.write(path, RATE, samples)


def read(path):
    rate, samples = wavfile.read(path)
    if rate != RATE or samples.ndim != 1:
        raise ValueError(f"{path} is not 48 kHz mono but {rate} Hz, {samples.shape}")
    return samples


def align(said, heard):
    """Cuts out of `heard` what lies beside `said`; also the lag in seconds and the correlation."""
    said = said.astype(numpy.float64)
    heard = heard.astype(numpy.float64)
    against = correlate(heard, said, mode="full", method="fft")
    lag = int(numpy.argmax(against)) - (len(said) - 1)
    padded = numpy.concatenate([numpy.zeros(max(0, -lag)), heard[max(0, lag):],
                                numpy.zeros(len(said))])[: len(said)]
    energy = numpy.sqrt(numpy.sum(said ** 2) * numpy.sum(padded ** 2))
    correlation = float(numpy.sum(said * padded) / energy) if energy else 0.0
    return padded, lag / RATE, correlation


def score(said, heard):
    """PESQ-WB (ITU-T P.862.2), STOI, lag in seconds, and correlation."""
    aligned, lag, correlation = align(said, heard)
    reference = resample_poly(said.astype(numpy.float64), 1, 3)
    degraded = resample_poly(aligned, 1, 3)
    return {
        "pesq": float(pesq(16_000, reference / 32768, degraded / 32768, "wb")),
        "stoi": float(stoi(reference, degraded, 16_000)),
        "lag": lag,
        "correlation": correlation,
    }
