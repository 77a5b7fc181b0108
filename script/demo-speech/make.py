#!/usr/bin/env python3
"""Makes alice.wav and bob.wav, what the two say to each other in script/demo.

    script/demo-speech/make.py        writes both beside itself; only Python's standard library

A small formant synthesiser in the manner of Klatt (1980): a glottal pulse train and noise go through
resonances that move from sound to sound. Nobody's voice was recorded, so nobody's leave is needed. Both
files are 5 s at 16 kHz, mono, 16 bits; the two take turns.
"""

import array
import math
import pathlib
import random
import wave

RATE = 16_000
SECONDS = 5.0

# Formants in Hz (F1, F2, F3), voicing, noise at the mouth, noise at the throat, milliseconds.
SOUNDS = {
    "a": (730, 1190, 2500, 1.0, 0.0, 0.02, 110),
    "ae": (660, 1720, 2410, 1.0, 0.0, 0.02, 110),
    "ah": (640, 1190, 2390, 1.0, 0.0, 0.02, 90),
    "e": (530, 1840, 2480, 1.0, 0.0, 0.02, 90),
    "er": (490, 1350, 1690, 1.0, 0.0, 0.02, 110),
    "i": (390, 1990, 2550, 1.0, 0.0, 0.02, 80),
    "ii": (280, 2250, 2900, 1.0, 0.0, 0.02, 150),
    "o": (520, 900, 2410, 1.0, 0.0, 0.02, 120),
    "u": (350, 1000, 2240, 1.0, 0.0, 0.02, 90),
    "uu": (310, 870, 2250, 1.0, 0.0, 0.02, 160),
    "l": (360, 1050, 2700, 0.7, 0.0, 0.0, 70),
    "r": (330, 1100, 1500, 0.7, 0.0, 0.0, 70),
    "w": (300, 700, 2200, 0.6, 0.0, 0.0, 60),
    "y": (280, 2200, 2900, 0.6, 0.0, 0.0, 60),
    "m": (250, 1000, 2200, 0.4, 0.0, 0.0, 70),
    "n": (250, 1500, 2500, 0.4, 0.0, 0.0, 70),
    "h": (500, 1500, 2500, 0.0, 0.0, 0.5, 60),
    "s": (300, 1700, 2600, 0.0, 0.30, 0.0, 100),
    "z": (300, 1700, 2600, 0.3, 0.15, 0.0, 80),
    "dh": (300, 1300, 2500, 0.5, 0.04, 0.0, 50),
    "v": (300, 1100, 2300, 0.5, 0.05, 0.0, 60),
    "k": (300, 1800, 2400, 0.0, 0.0, 0.0, 50),
    "b": (250, 900, 2200, 0.1, 0.0, 0.0, 50),
    "p": (250, 900, 2200, 0.0, 0.0, 0.0, 60),
    "d": (250, 1700, 2600, 0.1, 0.0, 0.0, 45),
    "t": (250, 1700, 2600, 0.0, 0.0, 0.0, 55),
    "-": (500, 1500, 2500, 0.0, 0.0, 0.0, 160),
}
BURSTS = {"k", "p", "t", "b", "d"}

# Stress raises and lengthens the sound that it follows.
ALICE = "k uu' ii' - h ah l o' b a' b - dh i z i z ae' l i s - k ae n y u h ii' r m ii"
BOB = "k uu' ii' - ae' l i s - y e' s - a i k ae n h ii' r y u v e' r i w e' l"


class Resonance:
    """Two poles at a frequency, with a bandwidth."""

    def __init__(self, bandwidth):
        self.bandwidth = bandwidth
        self.last = self.before = 0.0

    def step(self, value, frequency):
        radius = math.exp(-math.pi * self.bandwidth / RATE)
        feedback = 2 * radius * math.cos(2 * math.pi * frequency / RATE)
        gain = 1 - feedback + radius * radius
        value = gain * value + feedback * self.last - radius * radius * self.before
        self.before, self.last = self.last, value
        return value


def timeline(text, tempo):
    """One line of parameters for each sample, gliding from sound to sound."""
    points = []
    at = 0.0
    for word in text.split():
        name = word.rstrip("'")
        *target, length = SOUNDS[name]
        length *= tempo * (1.35 if word.endswith("'") else 1.0) / 1000
        stress = 1.0 if word.endswith("'") else 0.0
        glide = min(0.025, length / 3)
        points.append((at + glide, target, stress, None))
        points.append((at + length - glide, target, stress, name if name in BURSTS else None))
        at += length
    return points, at


def between(points, t):
    before = points[0]
    for after in points:
        if after[0] >= t:
            break
        before = after
    span = after[0] - before[0]
    share = 0.0 if span <= 0 else min(max((t - before[0]) / span, 0.0), 1.0)
    mixed = [a + (b - a) * share for a, b in zip(before[1], after[1])]
    return mixed, before[2] + (after[2] - before[2]) * share


def speak(text, pitch, size, tempo, seed):
    """`size` scales the formants: a longer throat lowers them."""
    noise = random.Random(seed)
    points, length = timeline(text, tempo)
    bursts = [t for t, _, _, name in points if name]
    formants = [Resonance(70), Resonance(90), Resonance(130), Resonance(250), Resonance(300)]
    hiss = Resonance(900)
    samples, phase, tilt = [], 0.0, 0.0
    count = int(length * RATE)
    for n in range(count):
        t = n / RATE
        (f1, f2, f3, voiced, mouth, throat), stress = between(points, t)
        fall = 1.1 - 0.25 * t / length
        f0 = pitch * (fall + 0.12 * stress) * (1 + 0.008 * math.sin(2 * math.pi * 5.1 * t))
        phase += f0 / RATE
        phase -= int(phase)
        # Rosenberg's pulse: the glottis opens slowly, closes fast and rests.
        if phase < 0.4:
            flow = 0.5 - 0.5 * math.cos(math.pi * phase / 0.4)
        elif phase < 0.56:
            flow = math.cos(math.pi * (phase - 0.4) / 0.32)
        else:
            flow = 0.0
        source, tilt = flow - tilt, flow
        breath = noise.gauss(0, 1)
        value = 4.0 * voiced * source + 0.06 * throat * breath
        # A stop opens with a puff of 12 ms.
        puff = any(0 <= t - burst < 0.012 for burst in bursts)
        value += 0.15 * breath if puff else 0.0
        frequencies = (f1 * size, f2 * size, f3 * size, 3500 * size, 4500 * size)
        for resonance, frequency in zip(formants, frequencies):
            value = resonance.step(value, min(frequency, RATE * 0.45))
        value += mouth * 0.35 * hiss.step(breath, 5200)
        edge = min(1.0, n / 400, (count - n) / 400)
        samples.append(value * edge)
    return samples


def place(samples, at):
    """The whole recording: silence, these samples from `at` seconds on, silence."""
    peak = max(map(abs, samples))
    whole = [0.0] * int(SECONDS * RATE)
    start = int(at * RATE)
    if start + len(samples) > len(whole):
        raise SystemExit(f"too long: {at + len(samples) / RATE:.2f} s of {SECONDS} s")
    for n, value in enumerate(samples):
        whole[start + n] = 0.5 * value / peak
    return array.array("h", (round(value * 32767) for value in whole))


def write(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    print(f"{path.name}: {len(samples) / RATE:.1f} s, {path.stat().st_size} bytes")


def main():
    here = pathlib.Path(__file__).parent
    alice = speak(ALICE, pitch=205, size=1.12, tempo=0.62, seed=1)
    bob = speak(BOB, pitch=112, size=0.98, tempo=0.62, seed=2)
    print(f"alice {len(alice) / RATE:.2f} s, bob {len(bob) / RATE:.2f} s")
    write(here / "alice.wav", place(alice, 0.5))
    write(here / "bob.wav", place(bob, 0.6 + len(alice) / RATE))


if __name__ == "__main__":
    main()
