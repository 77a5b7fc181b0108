"""What the microphone's processing does to echo, noise and near speech; see `processing`."""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy

import speech

RATE = speech.RATE
# What the project accepts: dB that an echo and a noise are lowered by, PESQ-WB of near speech in double talk.
ECHO_DB, NOISE_DB, DOUBLE_TALK = 35.0, 15.0, 3.0
# The echo is this much lower than what is played.
ECHO_GAIN = 10 ** (-6 / 20)
# Cancellation has converged by then.
CONVERGED = 3 * RATE
SNR_DB = 10.0


def rms(samples):
    return float(numpy.sqrt(numpy.mean(samples.astype(numpy.float64) ** 2))) or 1e-3


def decibels(ratio):
    return 20 * numpy.log10(ratio)


def echo_of(played, milliseconds):
    delay = RATE * milliseconds // 1000
    return ECHO_GAIN * numpy.concatenate([numpy.zeros(delay), played])[: len(played)]


def noises(length):
    """Of a flat spectrum, and falling by 3 dB an octave as rooms and streets do; both seeded."""
    white = numpy.random.default_rng(1).standard_normal(length)
    spectrum = numpy.fft.rfft(numpy.random.default_rng(2).standard_normal(length))
    spectrum[1:] /= numpy.sqrt(numpy.arange(1, len(spectrum)))
    # Below 100 Hz there is no speech to weigh it against.
    spectrum[: 100 * length // RATE] = 0
    pink = numpy.fft.irfft(spectrum, length)
    return {"white": white / rms(white), "pink": pink / rms(pink)}


class Chain:
    """The example program that runs the chain over files."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def sent(self, near, far, processing):
        files = [self.folder / name for name in ("near.wav", "far.wav", "sent.wav")]
        for path, samples in zip(files, (near, far)):
            speech.write(path, numpy.clip(samples, -32768, 32767).astype(numpy.int16))
        subprocess.run([self.program, *files, processing], check=True, stdout=subprocess.DEVNULL)
        return speech.read(files[2])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True, type=pathlib.Path)
    parser.add_argument("--quick", action="store_true", help="two delays, white noise, no double talk")
    options = parser.parse_args()
    near = speech.spoken("alice").astype(numpy.float64)
    played = numpy.tile(speech.spoken("bob").astype(numpy.float64), 2)
    delays = (20, 300) if options.quick else (20, 50, 100, 200, 300)
    failed = []

    def row(what, figure, off, on, bound, good):
        print(f"{what:34} {figure:24} {off:>8} {on:>8} {bound:>9}  {'holds' if good else 'FAILS'}", flush=True)
        if not good:
            failed.append(what)

    with tempfile.TemporaryDirectory(prefix="cooee-processing-") as name:
        chain = Chain(options.program, pathlib.Path(name))
        print(f"{'what':34} {'figure':24} {'off':>8} {'on':>8} {'accepted':>9}")
        for delay in delays:
            echo = echo_of(played, delay)
            off = rms(chain.sent(echo, played, "off")[CONVERGED:])
            for processing in ("echo", "all"):
                on = rms(chain.sent(echo, played, processing)[CONVERGED:])
                lower = decibels(off / on)
                row(f"echo after {delay} ms, {processing}", "lower after 3 s, dB", "0.0", f"{lower:.1f}",
                    f"{ECHO_DB:.0f}", lower >= ECHO_DB)

        # The far side speaks throughout; the near side begins once the echo is known.
        lead = numpy.zeros(CONVERGED)
        talk = numpy.concatenate([lead, near])
        far = numpy.tile(played, 2)[: len(talk)]
        for delay in () if options.quick else delays:
            captured = talk + echo_of(far, delay)
            scores = {}
            for processing in ("off", "echo", "all"):
                sent = chain.sent(captured, far, processing)[CONVERGED - RATE // 4:]
                scores[processing] = speech.score(speech.spoken("alice"), sent)["pesq"]
            for processing in ("echo", "all"):
                row(f"double talk, echo after {delay} ms, {processing}", "PESQ-WB of near speech",
                    f"{scores['off']:.2f}", f"{scores[processing]:.2f}", f"{DOUBLE_TALK:.0f}",
                    scores[processing] > DOUBLE_TALK)

        # Whole blocks, which is what the chain works in.
        speech_only = numpy.tile(near, 2)[: 2 * len(near) // 480 * 480]
        loud = rms(speech_only[numpy.abs(speech_only) > 100])
        quiet = numpy.convolve(numpy.abs(speech_only) > 100, numpy.ones(RATE // 10), "same") < 0.5
        quiet[:CONVERGED] = False
        for kind, noise in noises(len(speech_only)).items():
            if options.quick and kind != "white":
                continue
            noisy = speech_only + noise * loud / 10 ** (SNR_DB / 20)
            silence = numpy.zeros(len(noisy))
            sent = {p: chain.sent(noisy, silence, p) for p in ("off", "noise", "all")}
            said = speech_only.astype(numpy.int16)
            before = speech.score(said, sent["off"])["stoi"]
            for processing in ("noise", "all"):
                lower = decibels(rms(sent["off"][quiet]) / rms(sent[processing][quiet]))
                row(f"{kind} noise at 10 dB, {processing}", "lower in pauses, dB", "0.0", f"{lower:.1f}",
                    f"{NOISE_DB:.0f}", lower >= NOISE_DB)
                after = speech.score(said, sent[processing])["stoi"]
                # A thousandth is what rounding to 16 bits makes.
                row(f"{kind} noise at 10 dB, {processing}", "STOI", f"{before:.3f}", f"{after:.3f}",
                    f"{before:.3f}", after >= before - 0.001)

    print(f"{len(failed)} failed" + "".join(f"; {what}" for what in failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
