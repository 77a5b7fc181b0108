"""server-kill: the server is killed and restarted in mid-call, and killed once more for the end."""

import time

import people
import speech
from calls import Call, Side, longest_silence, without_pauses

from . import Check
from .call import lab_for

GROUP = "team"
SECONDS = 40
KIND = "port-restricted"
DOWN = 2.0
# Until a session has to be back after the restart: the reconnecting backs off.
RESUME = 15
AFTERWARDS = 5
# Hanging up, and being told of it.
PARTING = 3
# A short word, or the join of two in speech without pauses, may be this quiet; a lost frame is longer.
PAUSE = 0.03
TROUBLES = ("lost", "late", "concealed", "dropped")


def run(options):
    for number in range(options.runs):
        with lab_for(options, KIND) as lab:
            lab.server.start()
            for name in ("alice", "bob", "carol"):
                lab.client(name, KIND)
            alice, bob, carol = (lab.clients[name].person() for name in ("alice", "bob", "carol"))
            befriend(alice, bob, carol)
            yield from kept_alive(lab, alice, bob, carol, number)


def befriend(alice, bob, carol):
    """A group of three."""
    people.befriend(alice, bob)
    carol.run("register", carol.name)
    alice.run("contact", "add", "carol")
    carol.run("contact", "add", "alice")
    alice.run("group", "create", GROUP)
    for other in ("bob", "carol"):
        alice.run("group", "add", GROUP, other)


def kept_alive(lab, alice, bob, carol, number):
    voices = {name: without_pauses(name, SECONDS) for name in ("alice", "bob")}
    call = Call(alice, bob, voices, number)
    call.ring(SECONDS, target=GROUP)
    time.sleep(2.5)
    before = {side.name: latest_counts(side) for side in call.sides}
    killed_at = time.time()
    lab.server.kill9()
    time.sleep(DOWN)
    lab.server.restart()
    restarted_at = time.time()
    back = {side.name: resumed(side, killed_at) for side in call.sides}
    text = ", ".join(f"{name} {at - restarted_at:.1f} s after the restart" if at else f"{name} never"
                     for name, at in back.items())
    yield Check(all(back.values()), f"the sessions resume: {text}")
    # Long enough for a client to find out that the server knows nothing of the call, and to give up.
    time.sleep(AFTERWARDS)
    for side in call.sides:
        yield unbroken(side, before[side.name], killed_at)

    # The third one calls the group, whose call is running.
    joining = Side(carol, voices["alice"], lab.folder / "carol-says.wav", lab.folder / "carol-hears.wav")
    speech.write(joining.spoken, joining.said)
    joining.running = carol.start("call", GROUP, "--input", joining.spoken, "--output", joining.heard,
                                  "--for", str(SECONDS))
    try:
        joining.connected = joining.running.wait("connected", 10)
        where = joining.connected["id_group"] == call.caller.connected["id_group"]
        time.sleep(2)
        joined = all("carol" in [event["pseudo"] for event in side.running.seen("joined")]
                     for side in call.sides)
        yield Check(where and joined, "a third person joins the call after the restart")
    except people.Failure as failure:
        yield Check(False, f"a third person cannot join after the restart: {failure}")

    # Hanging up while there is no server: the others learn it from oneself.
    lab.server.kill9()
    yield from quits(call.caller, [call.callee, joining], "without a server")
    time.sleep(DOWN)
    over = [side.name for side in (call.callee, joining) if side.running.seen("ended")]
    yield Check(not over, f"the other two go on{': not ' + ', '.join(over) if over else ''}")
    restarted_at = time.time()
    lab.server.restart()
    back = [resumed(side, restarted_at) for side in (call.callee, joining)]
    time.sleep(2)
    again = [event["pseudo"] for side in (call.callee, joining) for event in side.running.seen("joined")
             if event["pseudo"] == call.caller.name and event["at"] > restarted_at]
    yield Check(all(back) and not again, "the server takes the call up again, without who has left"
                                         f"{'' if not again else ': it brings them back'}")
    yield from quits(call.callee, [], "after the restart")
    try:
        ended = joining.running.wait("ended", PARTING)
        yield Check(ended["reason"] == "remote_hung_up", f"the last one's call is over: {ended['reason']}")
    except people.Failure as failure:
        yield Check(False, f"the last one's call goes on: {failure}")
        joining.running.give_up()


def quits(who, others, how):
    """Ctrl-C ends the call, and the others are told soon, whoever tells them."""
    asked = time.time()
    ended = who.running.give_up()
    took = time.time() - asked
    told = {}
    for side in others:
        until = time.monotonic() + PARTING
        while time.monotonic() < until and side.name not in told:
            for event in side.running.seen("left"):
                if event["pseudo"] == who.name:
                    told[side.name] = event["at"] - asked
            time.sleep(0.02)
    names = ", ".join(f"{name} after {at:.1f} s" for name, at in told.items())
    yield Check(ended["reason"] == "hung_up" and took < PARTING and len(told) == len(others),
                f"{how}, {who.name} quits: {ended['reason']}, {took:.1f} s"
                + (f"; {names or 'nobody'} was told" if others else ""))


def latest_counts(side):
    return (side.running.seen("stats") or [dict.fromkeys(TROUBLES, 0)])[-1]


def resumed(side, since):
    """When the session was back; nothing if it did not come back in time."""
    until = time.monotonic() + RESUME
    while time.monotonic() < until:
        if times := [event["at"] for event in side.running.seen("online") if event["at"] > since]:
            return times[0]
        time.sleep(0.05)
    return None


def unbroken(side, before, killed_at):
    """Nothing was lost on the direct path, by the counts and by ear."""
    after = latest_counts(side)
    worse = {name: after[name] - before[name] for name in TROUBLES if after[name] != before[name]}
    over = side.running.seen("ended")
    recording = side.recording()
    since = int((killed_at - side.heard_at(0)) * speech.RATE)
    _, silence = longest_silence(recording[since:])
    good = not over and not worse and silence <= PAUSE and len(recording) > since
    text = (f"{side.name}: {worse or 'nothing'} lost, late or concealed, longest silence "
            f"{silence * 1000:.0f} ms")
    if over:
        text += f"; the call is over ({over[0]['reason']})"
    return Check(good, text)
