"""crash: participants who vanish without a word, with and without a server to notice."""

import time

import people
import speech
from calls import Call, Side, without_pauses

from . import Check
from .call import lab_for, pair
from .server_kill import GROUP, befriend

KIND = "port-restricted"
SECONDS = 120
# The server keeps a place for so long in the checks that wait for it.
GRACE = 5
# Without any path a call ends: the path counts as lost 1.5 to 6 s after the last packet.
NO_PATH = 30
LOST_AFTER = (1, 8)
# Consent, and the place that the server would have kept.
GONE_WITHOUT_SERVER = 60
TOLERANCE = 4
PATIENCE = 90


def run(options):
    for number in range(options.runs):
        yield from of_two(options, number)
        yield from of_three(options, number)
        yield from without_way(options, number)


def of_two(options, number):
    """The other one is killed; the server keeps the place for longer than a call lasts without a path."""
    with lab_for(options, KIND) as lab:
        lab.server.start()
        alice, bob = pair(lab, KIND, KIND)
        people.befriend(alice, bob)
        call = Call(alice, bob, {name: without_pauses(name, 10) for name in ("alice", "bob")}, number)
        call.ring(SECONDS)
        time.sleep(2)
        killed_at = time.time()
        call.callee.running.process.kill()
        ended = call.caller.running.wait("ended", PATIENCE)
        took = ended["at"] - killed_at
        least, most = NO_PATH + LOST_AFTER[0], NO_PATH + LOST_AFTER[1]
        yield Check(ended["reason"] == "no_path" and least <= took <= most,
                    f"a call of two whose other side was killed ends after {took:.1f} s: {ended['reason']} "
                    f"(expected: no_path after {least} to {most} s)")
        again = Call(alice, bob, number=number + 100)
        try:
            again.ring()
            again.finish()
            yield Check(True, "the one who crashed can be called again at once")
        except people.Failure as failure:
            yield Check(False, f"the one who crashed cannot be called again: {failure}")


def of_three(options, number):
    """One of three is killed: with a server, and without."""
    with lab_for(options, KIND) as lab:
        lab.server.start("--resume-grace", str(GRACE))
        for name in ("alice", "bob", "carol"):
            lab.client(name, KIND)
        alice, bob, carol = (lab.clients[name].person() for name in ("alice", "bob", "carol"))
        befriend(alice, bob, carol)
        call = Call(alice, bob, {name: without_pauses(name, 10) for name in ("alice", "bob")}, number)
        call.ring(SECONDS, target=GROUP)
        joining = join(lab, carol)
        time.sleep(2)
        killed_at = time.time()
        joining.running.process.kill()
        for side in call.sides:
            yield left(side, "carol", killed_at, 0, GRACE, GRACE + TOLERANCE, "with a server")
        # The server does not have her in the call any more: she comes anew.
        joining = join(lab, carol)
        time.sleep(2)
        yield Check(all(len(side.running.seen("joined")) > 1 for side in call.sides),
                    "the one who crashed joins again")
        lab.server.kill9()
        killed_at = time.time()
        joining.running.process.kill()
        for side in call.sides:
            yield left(side, "carol", killed_at, 1, GONE_WITHOUT_SERVER, GONE_WITHOUT_SERVER + 3 * TOLERANCE,
                       "without a server")
        over = [side.name for side in call.sides if side.running.seen("ended")]
        yield Check(not over, f"the other two go on talking{': not ' + ', '.join(over) if over else ''}")
        lab.server.restart()
        call.give_up()


def join(lab, person):
    side = Side(person, without_pauses(person.name, 10), lab.folder / f"{person.name}-says.wav",
                lab.folder / f"{person.name}-hears.wav")
    speech.write(side.spoken, side.said)
    side.running = person.start("call", GROUP, "--input", side.spoken, "--output", side.heard, "--for",
                                str(SECONDS))
    side.connected = side.running.wait("connected", 15)
    return side


def left(side, who, since, before, least, most, how):
    """That `who` leaves the call on this side, for the time after the `before`th."""
    until = time.monotonic() + most + TOLERANCE - (time.time() - since)
    seen = []
    while time.monotonic() < until and not seen:
        seen = [event for event in side.running.seen("left") if event["pseudo"] == who][before:]
        time.sleep(0.05)
    if not seen:
        return Check(False, f"{how}, {side.name} still has {who} in the call after {most} s")
    took = seen[0]["at"] - since
    return Check(least <= took <= most and seen[0]["reason"] == "lost",
                 f"{how}, {side.name} takes {who} out {took:.1f} s after the crash: {seen[0]['reason']} "
                 f"(expected: lost after {least} to {most} s)")


def without_way(options, number):
    """UDP blocked, and the server goes: there is no path left."""
    with lab_for(options, "blocked") as lab:
        lab.server.start()
        alice, bob = pair(lab, "blocked", "blocked")
        people.befriend(alice, bob)
        call = Call(alice, bob, {name: without_pauses(name, 10) for name in ("alice", "bob")}, number)
        call.ring(SECONDS)
        time.sleep(2)
        lab.server.kill9()
        time.sleep(8)
        lost = all(side.running.seen("reconnecting") for side in call.sides)
        lab.server.restart()
        back = all(wait_for(side, "reconnected") for side in call.sides)
        yield Check(lost and back, "a tunnelled call says that its path is lost with the server, and that it is back: "
                                   f"{'yes' if lost else 'no'}, {'yes' if back else 'no'}")
        lab.server.kill9()
        killed_at = time.time()
        for side in call.sides:
            ended = side.running.wait("ended", PATIENCE)
            took = ended["at"] - killed_at
            yield Check(ended["reason"] == "no_path" and NO_PATH <= took <= NO_PATH + 10,
                        f"without a server it ends for {side.name} after {took:.1f} s: {ended['reason']}")


def wait_for(side, event):
    try:
        return side.running.wait(event, 20)
    except people.Failure:
        return None
