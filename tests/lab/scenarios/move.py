"""move:two-networks and move:one-network: another address in mid-call."""

import time

import people
from calls import Call, longest_silence, without_pauses

from . import Check
from .call import lab_for

BEFORE = 3.0
# How long both networks are up, or none is.
OVERLAP = 3.0
GAP = 1.0
AFTER = 8.0
SECONDS = BEFORE + OVERLAP + AFTER
# Hanging up takes a round trip to the server, wherever one is by now.
PATIENCE = AFTER + 5
ALLOWED = {"two-networks": 0.5, "one-network": 1.5}


def run(options, kind, start="port-restricted", to="port-restricted", peer="port-restricted"):
    if kind not in ALLOWED:
        raise people.Failure(f"move:{kind}: it is one of {', '.join(ALLOWED)}")
    for number in range(options.runs):
        # In turn the caller and the callee move. Each run has a lab of its own: a client that has
        # moved is not where it began.
        mover = ("alice", "bob")[number % 2]
        kinds = {"alice": peer, "bob": peer} | {mover: start}
        with lab_for(options, *kinds.values(), to) as lab:
            lab.server.start()
            for name, nat in kinds.items():
                lab.client(name, nat)
            alice, bob = (lab.clients[name].person() for name in kinds)
            people.befriend(alice, bob)
            yield moved(lab, Call(alice, bob, {name: without_pauses(name, SECONDS + 4) for name in kinds}),
                        kind, mover, to)


def moved(lab, call, kind, mover, to):
    call.ring(SECONDS)
    time.sleep(BEFORE)
    if kind == "two-networks":
        times = lab.move(mover, to, overlap=OVERLAP)
    else:
        times = lab.move(mover, to, gap=GAP)
    faults = []
    try:
        call.finish(PATIENCE)
    except people.Failure as failure:
        faults.append(f"the call did not end well: {failure}")
        call.give_up()
    texts, record = [], {"mover": mover, "times": times}
    for side in call.sides:
        start, length = longest_silence(side.recording())
        ended_at = side.heard_at(int((start + length) * 48_000))
        # With no network there can be no sound: counted from when there is one again.
        silent = length if kind == "two-networks" else max(0.0, min(length, ended_at - times["came"]))
        record[side.name] = {"silence": length, "counted": silent}
        texts.append(f"{side.name} heard {length:.2f} s of silence"
                     + ("" if kind == "two-networks" else f", {silent:.2f} s of it with a network"))
        if silent > ALLOWED[kind]:
            faults.append(f"more than {ALLOWED[kind]} s for {side.name}")
    record["routes"] = call.routes()
    texts += [f"{name}'s routes {' > '.join(taken)}" for name, taken in record["routes"].items()]
    return Check(not faults, "; ".join([f"{mover} moves to {to}: " + ", ".join(texts), *faults]), record)
