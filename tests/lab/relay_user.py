"""Two participants of a call who tell what relay they were given, and stay until stdin ends.

Run as a process on a client's machine, with the packages of the wire tests: coturn's tools need
credentials, and the server gives them to the participants of a live call only.
"""

import asyncio
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "wire"))
from wire_client import WireClient  # noqa: E402


async def main(url):
    caller, callee = await WireClient.connect(url), await WireClient.connect(url)
    await caller.register("caller")
    await callee.register("callee")
    for one, other in ((caller, callee), (callee, caller)):
        await one.ask(606, 205, pseudo=other.pseudo)
    call = await caller.ask(501, 501, list_pseudo=[callee.pseudo], address="0.0.0.0", port=0)
    id_group = call["id_group"]
    await callee.told(501, id_group=id_group)
    await callee.ask(502, 502, pseudo=callee.pseudo, id_group=id_group)
    asked = await caller.told(505, id_group=id_group)
    print(json.dumps(asked.get("relay")), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    # A connection that merely broke would leave them in the call for a while.
    for participant in (caller, callee):
        await participant.ask(503, 503, pseudo=participant.pseudo, id_group=id_group)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
