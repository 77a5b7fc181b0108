"""A call between two Python programs, through the wheel: what is said and what is heard."""

import argparse
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "quality"))

import people  # noqa: E402
import speech  # noqa: E402

LEAST_PESQ = 4.0
MOST_LINES = 20


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="the interpreter that has the wheel")
    parser.add_argument("--binaries", required=True, type=pathlib.Path)
    options = parser.parse_args()

    failed = 0
    for name in ("call.py", "answer.py"):
        lines = len((HERE / "examples" / name).read_text().splitlines())
        if lines > MOST_LINES:
            print(f"{name} has {lines} lines")
            failed += 1
    with tempfile.TemporaryDirectory(prefix="cooee-python-") as folder:
        scores = call(options.python, options.binaries.resolve(), pathlib.Path(folder))
    print(f"PESQ-WB {scores['pesq']:.2f}, STOI {scores['stoi']:.3f}, correlation {scores['correlation']:.3f}")
    failed += scores["pesq"] < LEAST_PESQ
    print(f"{3 - failed} passed, {failed} failed")
    return 1 if failed else 0


def call(python, binaries, folder):
    said = speech.spoken("alice")
    speech.write(folder / "said.wav", said)
    server = people.Server(binaries, folder)

    def program(name, *words):
        command = [python, HERE / "examples" / name, server.url, *words]
        return subprocess.Popen(command, cwd=folder, env=people.environment(),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    running = []
    try:
        answering = program("answer.py", "bob", "heard.wav")
        running.append(answering)
        if answering.stdout.readline().strip() != b"ready":
            raise people.Failure("answer.py is not ready")
        calling = program("call.py", "alice", "bob", "said.wav")
        running.append(calling)
        for name, process in (("call.py", calling), ("answer.py", answering)):
            if process.wait(120) != 0:
                raise people.Failure(f"{name} ended with {process.returncode}")
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
        server.stop()
    return speech.score(said, speech.read(folder / "heard.wav"))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (people.Failure, subprocess.TimeoutExpired) as failure:
        sys.exit(f"failed: {failure}")
