"""A lab to look at by hand, and what the test of clearing up kills."""

import json
import os
import time

from lab import Lab

from . import Check

NAMES = ("alice", "bob", "carol", "dave")


def run(options, *kinds):
    with Lab(options.seed, options.binaries.resolve(), v6=True, keep=options.keep) as lab:
        lab.server.start()
        for name, kind in zip(NAMES, kinds or ("open",)):
            lab.client(name, kind)
            lab.link(name)
        print(json.dumps({"identity": lab.claim.identity, "runner": os.getpid(),
                          "guard": lab.claim.guard.pid, "folder": str(lab.folder)}), flush=True)
        while True:
            time.sleep(60)
    yield Check(True, "never reached")
