"""Recorded speech through the whole chain on virtual time, over seeded losses; see `offline`."""

import argparse
import concurrent.futures
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import speech
from cells import TARGETS

DEFAULT = ",".join(TARGETS)


def options_of(cell):
    """In the words of the example program."""
    kind, _, share = cell.partition(":")
    return {
        "clean": [],
        "loss": [f"loss={share}"],
        "burst": [f"loss={share}", "burst=80"],
    }[kind]


def talk(program, folder, person, cell, seed, extra):
    heard = folder / f"{person}-{cell.replace(':', '-')}-{seed}.wav"
    words = [program, folder / f"{person}.wav", heard, *options_of(cell), f"seed={seed}", *extra]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    scores = speech.score(speech.spoken(person), speech.read(heard))
    return scores | json.loads(told) | {"cell": cell}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True, type=pathlib.Path)
    parser.add_argument("--cells", default=DEFAULT)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="fail where a target is missed")
    parser.add_argument("extra", nargs="*", help="KEY=VALUE for the program, bitrate=24000 for one")
    options = parser.parse_args()
    cells = options.cells.split(",")

    with tempfile.TemporaryDirectory(prefix="cooee-offline-") as name:
        folder = pathlib.Path(name)
        for person in speech.SPOKEN:
            speech.write(folder / f"{person}.wav", speech.spoken(person))
        jobs = [(person, cell, seed) for cell in cells
                for seed in range(1, (1 if cell == "clean" else options.seeds) + 1)
                for person in speech.SPOKEN]
        with concurrent.futures.ProcessPoolExecutor(2) as pool:
            found = list(pool.map(talk, *zip(*[(options.program, folder, *job, options.extra)
                                               for job in jobs])))

    print(f"{'cell':9} {'PESQ-WB':>8} {'least':>6} {'STOI':>6} {'kbit/s':>7} {'lost':>6} "
          f"{'recovered':>10} {'concealed':>10} {'stretched':>10} {'delay ms':>9} {'CPU %':>6} {'target':>7}")
    missed = 0
    for cell in cells:
        rows = [row for row in found if row["cell"] == cell]
        mean = {key: statistics.mean(row[key] for row in rows) for key in rows[0] if key != "cell"}
        target = TARGETS.get(cell, 0)
        missed += mean["pesq"] < target
        print(f"{cell:9} {mean['pesq']:8.2f} {min(row['pesq'] for row in rows):6.2f} {mean['stoi']:6.3f} "
              f"{mean['kbit']:7.1f} {mean['lost']:6.1%} {mean['recovered']:10.1f} {mean['concealed']:10.1f} "
              f"{mean['stretched']:10.1f} {mean['delay_ms']:9.1f} {mean['cpu_percent']:6.2f} {target:7.2f}",
              flush=True)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
