"""Cells of the impairment table: what a link does to the voice, and what is expected of it."""

import re
from dataclasses import dataclass

# Least PESQ-WB, mean over the seeds of a cell; what the project accepts.
TARGETS = {
    "clean": 4.2,
    "loss:10": 3.4, "loss:20": 2.9, "loss:30": 2.4,
    "burst:10": 2.9, "burst:20": 2.7, "burst:30": 2.4,
}
# What script/test insists on: the target where the engine reaches it in every run, else a floor that
# only a broken concealment falls below.
BOUNDS = {"clean": 4.2, "loss:10": 3.0}
BURST_MS = 80

KINDS = {
    "clean": "no impairment",
    "loss": "per cent of the packets, each by itself",
    "burst": f"per cent of the packets, in bursts of {BURST_MS} ms",
    "delay": "ms one way",
    "jitter": "ms: every packet is late by 0 to twice that, in order",
    "reorder": "per cent of the packets held back by 30 ms",
    "rate": "kbit/s, with a queue of 200 ms",
}
DEFAULT = "clean,loss:10,loss:20,loss:30,burst:10,burst:20,burst:30,jitter:20,reorder:10,delay:100,rate:64"


@dataclass(frozen=True)
class Cell:
    """One row: `loss:10`, or several kinds joined by +."""

    text: str

    @property
    def impairments(self):
        """In the words of the shaper."""
        given = {}
        for part in self.text.split("+"):
            kind, _, figure = part.partition(":")
            share = float(figure or 0) / 100
            given |= {
                "clean": {},
                "loss": {"loss": share},
                "burst": {"loss": share, "burst_ms": BURST_MS},
                "delay": {"delay_ms": float(figure or 0)},
                # Spread evenly over +- that much: never before it was sent.
                "jitter": {"jitter_ms": float(figure or 0), "delay_ms": float(figure or 0)},
                "reorder": {"reorder": share},
                "rate": {"rate_kbit": float(figure or 0)},
            }[kind]
        return given

    @property
    def is_lossless(self):
        """Nothing is taken away on purpose: such a path can be there from the start."""
        return "loss" not in self.impairments

    @property
    def target(self):
        return TARGETS.get(self.text)


def cells(text):
    """Those of a list with commas."""
    found = []
    for word in filter(None, text.split(",")):
        for part in word.split("+"):
            if part != "clean" and not re.fullmatch(r"(\w+):\d+(\.\d+)?", part) \
                    or part.partition(":")[0] not in KINDS:
                raise ValueError(f"no such cell: {part}; there are " + ", ".join(KINDS))
        found.append(Cell(word))
    return found
