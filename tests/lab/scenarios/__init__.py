"""What can be run in the lab, by name. A scenario yields checks."""

import os
from dataclasses import dataclass


@dataclass
class Check:
    """One thing that was looked at. The record has what a table is made of."""

    ok: bool
    text: str
    record: dict | None = None


def skipped(why):
    """Says that a scenario cannot be run here; a failure where nothing may be skipped."""
    if os.environ.get("COOEE_SKIP_NOTHING"):
        yield Check(False, why)
    else:
        print(f"skipped: {why}")
