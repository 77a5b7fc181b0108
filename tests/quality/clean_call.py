"""Recorded speech through a real call over a clean path, both ways."""

import argparse
import pathlib
import shutil
import sys
import tempfile

import capture
import people
import speech

LEAST_PESQ = 4.0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--keep", help="copy recordings and the capture into this folder")
    options = parser.parse_args()
    binaries = people.binaries(options.binaries)

    with tempfile.TemporaryDirectory(prefix="cooee-quality-") as name:
        folder = pathlib.Path(name)
        try:
            return call(binaries, folder)
        finally:
            if options.keep:
                shutil.copytree(folder, options.keep, dirs_exist_ok=True)


def call(binaries, folder):
    said = {name: speech.spoken(name) for name in ("alice", "bob")}
    for name, samples in said.items():
        speech.write(folder / f"{name}-said.wav", samples)
    seconds = max(map(len, said.values())) / speech.RATE + 1.5

    why_not = capture.Capture.why_not()
    captured = None if why_not else capture.Capture(folder / "voice.pcap")
    server = people.Server(binaries, folder)
    try:
        alice = people.Person(binaries, folder, server, "alice")
        bob = people.Person(binaries, folder, server, "bob")
        people.befriend(alice, bob)
        answering = bob.start("answer", "--input", folder / "bob-said.wav",
                              "--output", folder / "bob-heard.wav")
        answering.wait("ready")
        calling = alice.start("call", "bob", "--input", folder / "alice-said.wav",
                              "--output", folder / "alice-heard.wav", "--for", f"{seconds:.1f}")
        connected = calling.wait("connected")
        totals = {"alice": calling.ended(), "bob": answering.ended()}
    finally:
        server.stop()
        if captured:
            captured.stop()

    failed = 0
    print(f"route {connected['route']}, {connected['ms_since_accept']} ms after the accept")
    print(f"{'heard by':8} {'PESQ-WB':>8} {'STOI':>6} {'correlation':>12} {'packets':>8} "
          f"{'lost':>5} {'late':>5} {'concealed':>10}")
    for name, other in (("alice", "bob"), ("bob", "alice")):
        scores = speech.score(said[other], speech.read(folder / f"{name}-heard.wav"))
        counts = totals[name]
        print(f"{name:8} {scores['pesq']:8.2f} {scores['stoi']:6.3f} {scores['correlation']:12.3f} "
              f"{counts['received']:8} {counts['lost']:5} {counts['late']:5} "
              f"{counts['concealed']:10}")
        failed += scores["pesq"] < LEAST_PESQ
    if connected["route"] != "direct":
        print("the route is not direct")
        failed += 1
    if captured:
        for sentence in capture.check_sealed(folder / "voice.pcap", least=200):
            print(sentence)
    else:
        print(f"not looked at the packets: {why_not}")
    print(f"{3 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (people.Failure, AssertionError) as failure:
        sys.exit(f"failed: {failure}")
