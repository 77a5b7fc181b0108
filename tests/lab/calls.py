"""A call between two people of a lab, and what came of it."""

import statistics
import time
from dataclasses import dataclass, field

import numpy
import people
import speech
from namespaces import LabError, command

# Longer than any call of acceptable networks needs, and short enough for a matrix.
PATIENCE = 8
SECONDS = 6.0
# What differs from zero by more than this is sound: an eighth of a per cent of full scale.
AUDIBLE = 40
WINDOW = speech.RATE // 100
# How far a second of speech may be from where the others are: 0.3 s.
SLACK = speech.RATE * 3 // 10


@dataclass
class Side:
    """One person's part of a call."""

    person: object
    said: numpy.ndarray
    spoken: object
    heard: object
    running: object = None
    connected: dict | None = None
    ended: dict = field(default_factory=dict)

    @property
    def name(self):
        return self.person.name

    def recording(self):
        return speech.read(self.heard)

    def heard_at(self, sample):
        """The time of the clock at which a sample of the recording was played.

        The file is made when the sound is opened, right before its first frame, and time that
        passes without a frame is written as silence.
        """
        return birth(self.heard) + sample / speech.RATE


def birth(path):
    """When a file was made, in seconds since 1970."""
    text = command("stat", "--format=%.W", path).strip()
    if float(text) <= 0:
        raise LabError(f"the file system of {path} does not know when a file was made")
    return float(text)


class Call:
    """`caller` calls `callee`. Made by `ring`, over after `finish`."""

    def __init__(self, caller, callee, said=None, number=0):
        folder = caller.client.lab.folder
        said = said or {}
        self.caller, self.callee = (
            Side(person, said.get(person.name, words(person.name)),
                 folder / f"{person.name}-says-{number}.wav", folder / f"{person.name}-hears-{number}.wav")
            for person in (caller, callee))
        self.sides = (self.caller, self.callee)
        for side in self.sides:
            speech.write(side.spoken, side.said)
            # A recording has to be a new file: when it was made tells when the sound began.
            side.heard.unlink(missing_ok=True)

    def ring(self, seconds=SECONDS, patience=PATIENCE, target=None):
        """Rings, is accepted at once, and connects on both sides, or raises Failure after all."""
        self.callee.running = self.callee.person.start(
            "answer", "--input", self.callee.spoken, "--output", self.callee.heard)
        self.callee.running.wait("ready")
        self.caller.running = self.caller.person.start(
            "call", target or self.callee.name, "--input", self.caller.spoken,
            "--output", self.caller.heard, "--for", f"{seconds:.1f}")
        # The callee says that it rings in the moment in which it accepts.
        self.accepted_at = self.callee.running.wait("ringing")["at"]
        until = time.monotonic() + patience
        try:
            for side in self.sides:
                left = max(0.0, until - time.monotonic())
                side.connected = side.running.wait("connected", left)
        except people.Failure:
            self.give_up()
            told = "; ".join(f"{side.name}: {reason(side)}" for side in self.sides)
            raise people.Failure(f"no connection after {patience} s; {told}") from None

    def routes(self):
        """Each side's route at the moment, and how it got there."""
        return {side.name: [side.connected["route"]]
                + [event["route"] for event in side.running.seen("route")] for side in self.sides}

    def finish(self, patience=30):
        """Waits for the end, which has to be a good one on both sides."""
        for side in self.sides:
            side.ended = side.running.ended(patience)

    def give_up(self):
        for side in self.sides:
            side.ended = side.running.give_up()

    def scores(self):
        """What each side heard of the other."""
        return {side.name: score(other.said, side.recording())
                for side, other in (self.sides, reversed(self.sides))}


def score(said, heard):
    """As the quality tests score it, but with the correlation of the median second.

    A jitter buffer that gets rid of 20 ms in mid-call has done its work; a correlation over all of the
    call would call that noise.
    """
    whole = speech.score(said, heard)
    seconds = []
    for start in range(0, len(said) - speech.RATE + 1, speech.RATE):
        part = said[start: start + speech.RATE]
        if not loud_windows(part).any():
            continue
        about = start + int(whole["lag"] * speech.RATE)
        near = heard[max(0, about - SLACK): about + speech.RATE + SLACK]
        seconds.append(speech.align(part, near)[2] if len(near) else 0.0)
    return whole | {"correlation": float(median(seconds))}


def reason(side):
    if side.connected is None:
        return f"never connected ({side.ended.get('reason')})"
    return side.ended.get("reason", "ended")


def words(name, seconds=SECONDS - 1.0):
    """Recorded speech of one of the two voices that there are."""
    voice = name if name in speech.SPOKEN else "alice"
    return speech.spoken(voice)[: int(seconds * speech.RATE)]


def loud_windows(samples):
    """Whether each hundredth of a second has any sound."""
    count = len(samples) // WINDOW
    return numpy.abs(samples[: count * WINDOW].reshape(count, WINDOW).astype(int)).max(axis=1) > AUDIBLE


def without_pauses(name, seconds):
    """Speech whose pauses are cut out, so that any silence in what is heard is a break."""
    samples = speech.spoken(name if name in speech.SPOKEN else "alice")
    count = len(samples) // WINDOW
    windows = samples[: count * WINDOW].reshape(count, WINDOW)
    loud = windows[numpy.abs(windows.astype(int)).max(axis=1) > 1500].ravel()
    return numpy.resize(loud, int(seconds * speech.RATE))


def first_sound(samples):
    """The first audible sample; nothing if there is none."""
    audible = numpy.flatnonzero(numpy.abs(samples.astype(int)) > AUDIBLE)
    return int(audible[0]) if len(audible) else None


def longest_silence(samples):
    """Start and length, in seconds, of the longest silence between sounds, and up to the end."""
    loud = numpy.flatnonzero(loud_windows(samples))
    if not len(loud):
        return 0.0, len(samples) / speech.RATE
    edges = numpy.append(loud, len(samples) // WINDOW)
    gaps = numpy.diff(edges) - 1
    worst = int(gaps.argmax())
    return float(edges[worst] + 1) / 100, float(gaps[worst]) / 100


def median(values):
    return statistics.median(values) if values else float("nan")
