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
# Louder than this somebody speaks, and does not merely breathe.
SPOKEN = 1500
LEAST_CORRELATION = 0.8
# What is compared at a time: half a second, if a quarter of it is spoken.
PART = speech.RATE // 2
LEAST_SPOKEN = 0.25
# So much of what is spoken in it may be silence in what is heard.
MOST_SILENT = 0.1
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
    """As the quality tests score it, but with the correlation of each part of the speech at its own lag,
    and the least of them.

    A jitter buffer that gets rid of 20 ms in mid-call has done its work; a correlation over all of the
    call would call that noise.
    """
    if not loud_windows(heard).any():
        # PESQ has no figure for silence.
        return {"pesq": 0.0, "stoi": 0.0, "lag": 0.0, "parts": [(0.0, 0.0)], "correlation": 0.0}
    whole = speech.score(said, heard)
    parts = [(start / speech.RATE, found) for start, found in alike(said, heard, whole["lag"])]
    return whole | {"parts": parts, "correlation": min((found for _, found in parts), default=0.0)}


def alike(said, heard, lag):
    """Where each part of the speech begins, and how alike it is to what was heard about then. Parts
    overlap, so that none is lost between two; those in which hardly anything is said do not count."""
    for start in range(0, len(said) - PART + 1, PART // 2):
        part = said[start: start + PART]
        spoken = loud_windows(part, SPOKEN)
        if spoken.mean() < LEAST_SPOKEN:
            continue
        about = start + int(lag * speech.RATE)
        near = heard[max(0, about - SLACK): about + PART + SLACK]
        beside, _, correlation = speech.align(part, near) if len(near) else (near, 0.0, 0.0)
        # What is left out costs less correlation than it costs meaning.
        if len(beside) and (spoken & ~loud_windows(beside)).sum() > MOST_SILENT * spoken.sum():
            correlation = 0.0
        yield start, correlation


def unheard_by(scores, breaks=0.0):
    """What is wrong with what each side heard, in words: every part of the speech has to be there, except
    for so many seconds together around a break that is meant to be."""
    return [f"{name} {fault}" for name, found in scores.items() if (fault := unheard(found, breaks))]


def unheard(found, breaks=0.0):
    """What a score says was not heard, in words; nothing if all of it was."""
    lost = [start for start, correlation in found["parts"] if correlation < LEAST_CORRELATION]
    if not found["parts"]:
        return "heard no speech at all"
    if not lost:
        return None
    seconds = lost[-1] - lost[0] + PART / speech.RATE
    if breaks and seconds <= breaks + PART / speech.RATE:
        return None
    return (f"did not hear {len(lost)} of {len(found['parts'])} parts of the speech (from "
            f"{lost[0]:.2f} s to {lost[0] + seconds:.2f} s)")


def reason(side):
    if side.connected is None:
        return f"never connected ({side.ended.get('reason')})"
    return side.ended.get("reason", "ended")


def words(name, seconds=SECONDS - 1.0):
    """Recorded speech of one of the two voices that there are."""
    voice = name if name in speech.SPOKEN else "alice"
    return speech.spoken(voice)[: int(seconds * speech.RATE)]


def loud_windows(samples, level=AUDIBLE):
    """Whether each hundredth of a second has any sound louder than that."""
    count = len(samples) // WINDOW
    return numpy.abs(samples[: count * WINDOW].reshape(count, WINDOW).astype(int)).max(axis=1) > level


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
