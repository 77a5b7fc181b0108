"""The app in its real window; see tests/app/run."""

import argparse
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True

import bad_day  # noqa: E402
import calls  # noqa: E402
import chats  # noqa: E402
import pictures  # noqa: E402
from stage import Stage, missing  # noqa: E402
from webdriver import Failure  # noqa: E402

STORIES = {**calls.STORIES, **chats.STORIES, **pictures.STORIES, **bad_day.STORIES}


def main():
    parser = argparse.ArgumentParser(prog="tests/app/run", description=__doc__)
    parser.add_argument("--binaries", required=True, type=pathlib.Path)
    parser.add_argument("--driver", required=True, type=pathlib.Path)
    parser.add_argument("--story", action="append", choices=sorted(STORIES), help="only this one; may be repeated")
    parser.add_argument("--keep", metavar="FOLDER", type=pathlib.Path, help="copy logs, recordings and pictures there")
    parser.add_argument("--list", action="store_true", help="the stories, and what each one tells")
    options = parser.parse_args()
    if options.list:
        for name, story in STORIES.items():
            print(f"{name:18}{story.__doc__.splitlines()[0]}")
        return 0
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    if absent := missing():
        raise Failure(f"not installed: {', '.join(absent)} (Debian's packages)")
    failed = []
    for name in options.story or STORIES:
        started = time.monotonic()
        try:
            play(STORIES[name], name, options)
        except Exception as error:
            failed.append(name)
            print(f"FAIL {name}: {error}")
            if not isinstance(error, Failure):
                traceback.print_exc()
        else:
            print(f"ok   {name} ({time.monotonic() - started:.0f} s): {STORIES[name].__doc__.splitlines()[0]}")
        sys.stdout.flush()
    print(f"Ran {len(options.story or STORIES)} tests, {len(failed)} failed")
    return 1 if failed else 0


def play(story, name, options):
    """One story, on a stage of its own."""
    with tempfile.TemporaryDirectory(prefix="cooee-app-", ignore_cleanup_errors=True) as folder:
        folder = pathlib.Path(folder)
        stage = Stage(options.binaries.absolute(), options.driver.absolute(), folder)
        try:
            story(stage)
        except Exception:
            if options.keep:
                stage.screenshots(folder)
            raise
        finally:
            stage.close()
            if options.keep:
                kept = options.keep / name
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(folder, kept, ignore=shutil.ignore_patterns("pulse", "runtime", "cache", "*.socket"))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"tests/app/run: {failure}")
