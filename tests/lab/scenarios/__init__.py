"""What can be run in the lab, by name. A scenario yields checks."""

from dataclasses import dataclass


@dataclass
class Check:
    """One thing that was looked at. The record has what a table is made of."""

    ok: bool
    text: str
    record: dict | None = None
