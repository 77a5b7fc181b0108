"""Plays every flow of docs/PROTOCOL.md against a real server.

    python tests/wire/test_flows.py --server-binary target/debug/cooee-server [WORD ...]

With words, only the flows whose sentence holds one of them.
"""

import argparse
import asyncio
import importlib
import sys
import time
import traceback

import stage
from wire_client import Server

CHAPTERS = ("profiles", "contacts", "calls", "group_calls", "conversations", "limits")
FLOW_TIMEOUT = 60.0


async def play(name, flow, *arguments):
    """Runs one flow and prints how it went."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(FLOW_TIMEOUT):
            await flow(*arguments)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)
        line = next((f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
                     for frame in reversed(where) if "/flows/" in frame.filename), "?")
        print(f"FAIL {name}\n     {line}: {type(error).__name__}: {error}", flush=True)
        return False
    print(f"ok   {name} ({time.monotonic() - began:.2f} s)", flush=True)
    return True


async def on_stage(flow, server):
    scene = stage.Stage(server)
    try:
        await flow(scene)
    finally:
        await scene.close()


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server-binary", required=True)
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    for chapter in CHAPTERS:
        importlib.import_module(f"flows.{chapter}")
    from flows.profiles import a_server_that_stops_tells_its_clients as last

    def chosen(flow):
        words = flow.__name__.replace("_", " ")
        return not options.words or any(word in words for word in options.words)

    servers, results = {}, []
    try:
        for flow, needs in stage.FLOWS:
            if not chosen(flow):
                continue
            if needs not in servers:
                servers[needs] = await asyncio.to_thread(Server, options.server_binary, *needs)
            name = flow.__name__.replace("_", " ")
            results.append(await play(name, on_stage, flow, servers[needs]))
        if chosen(last):
            server = await asyncio.to_thread(Server, options.server_binary)
            servers["last"] = server
            results.append(await play(last.__name__.replace("_", " "), last, server))
    finally:
        for server in servers.values():
            if not all(results):
                print(server.log(), file=sys.stderr)
            server.stop()
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
