"""Calls of groups."""

from stage import flow, same

NOWHERE = dict(address="0.0.0.0", port=0)


async def joined(person, id_group, port):
    """Accepts and tells an address."""
    await person.ask(502, 502, pseudo=person.pseudo, id_group=id_group)
    await person.told(505, id_group=id_group)
    await person.ask(506, 506, id_group=id_group, address="192.0.2.1", port=port)


def entries(told):
    return sorted((entry["pseudo"], entry["port"]) for entry in told["list_info"])


@flow()
async def a_group_call_with_a_late_joiner(stage):
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    id_group = await stage.group(alice, bob, carol)
    echo = await stage.ring(alice, id_group=id_group)
    same((echo["id_group"], sorted(echo["list_pseudo"])),
         (id_group, sorted([bob.pseudo, carol.pseudo])))
    for person in (bob, carol):
        ring = await person.told(501, id_group=id_group, pseudo=alice.pseudo)
        same(sorted(ring["list_pseudo"]), sorted([bob.pseudo, carol.pseudo]))
    # Carol declines, and the call goes on.
    await carol.ask(503, 503, pseudo=carol.pseudo, id_group=id_group)
    await alice.told(503, pseudo=carol.pseudo, reason="declined")
    await alice.silent(503)
    await joined(bob, id_group, 2)
    await alice.told(502, pseudo=bob.pseudo)
    await alice.told(505)
    await alice.ask(506, 506, id_group=id_group, address="192.0.2.1", port=1)
    same(entries(await alice.told(507)), [(bob.pseudo, 2)])
    same(entries(await bob.told(507)), [(alice.pseudo, 1)])
    # She joins later after all, and is asked alone.
    await joined(carol, id_group, 3)
    for person in (alice, bob):
        await person.told(502, pseudo=carol.pseudo)
    same(entries(await carol.told(507)), sorted([(alice.pseudo, 1), (bob.pseudo, 2)]))
    same(entries(await alice.told(507)), sorted([(bob.pseudo, 2), (carol.pseudo, 3)]))
    same(entries(await bob.told(507)), sorted([(alice.pseudo, 1), (carol.pseudo, 3)]))
    for person in (alice, bob):
        await person.silent(505)
    # Data for one of them, and for all others.
    await carol.ask(504, 504, pseudo=alice.pseudo, data="YQ==", id_group=id_group)
    await alice.told(504, pseudo=carol.pseudo, data="YQ==")
    await bob.silent(504)
    await carol.ask(504, 504, pseudo=carol.pseudo, data="Yg==", id_group=id_group)
    for person in (alice, bob):
        await person.told(504, pseudo=carol.pseudo, data="Yg==")
    # One after the other leaves.
    await alice.ask(503, 503, pseudo=alice.pseudo, id_group=id_group)
    for person in (bob, carol):
        await person.told(503, pseudo=alice.pseudo, reason="quit")
        await person.silent(503)
    await bob.ask(503, 503, pseudo=bob.pseudo, id_group=id_group)
    await carol.told(503, pseudo=bob.pseudo, reason="quit")
    await carol.told(503, pseudo=carol.pseudo, reason="ended")


@flow()
async def a_chosen_few_of_a_group_are_rung_and_more_later(stage):
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    stranger = await stage.person("dave")
    id_group = await stage.group(alice, bob, carol)
    echo = await alice.ask(501, 501, id_group=id_group,
                           list_pseudo=[bob.pseudo, stranger.pseudo], **NOWHERE)
    same(echo["list_pseudo"], [bob.pseudo])
    await bob.told(501, id_group=id_group)
    await carol.silent(501)
    await stranger.silent(501)
    same((await stage.ring(alice, carol, id_group=id_group))["list_pseudo"], [carol.pseudo])
    await carol.told(501, id_group=id_group, pseudo=alice.pseudo)


@flow()
async def nobody_of_a_group_can_be_rung(stage):
    alice, bob = await stage.friends("alice", "bob")
    stranger = await stage.person("carol")
    id_group = await stage.group(alice, bob)
    failed = await alice.ask(501, 404, id_group=id_group, list_pseudo=[stranger.pseudo], **NOWHERE)
    same(failed["id_group"], id_group)
    await stranger.ask(501, 451, id_group=id_group, list_pseudo=[], **NOWHERE)
    await bob.close()
    await alice.told(202, pseudo=bob.pseudo, status="offline")
    failed = await alice.ask(501, 404, id_group=id_group, list_pseudo=[], **NOWHERE)
    same((failed["id_group"], failed["reason"]), (id_group, "offline"))


@flow()
async def a_member_who_rings_a_running_call_joins_it(stage):
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    id_group = await stage.group(alice, bob, carol)
    await stage.ring(alice, bob, id_group=id_group)
    await bob.told(501, id_group=id_group)
    await bob.ask(502, 502, pseudo=bob.pseudo, id_group=id_group)
    echo = await stage.ring(carol, id_group=id_group)
    same(echo["id_group"], id_group)
    for person in (alice, bob):
        await person.told(502, pseudo=carol.pseudo, id_group=id_group)
    await carol.told(505, id_group=id_group)


@flow("--ring-timeout", "1", "--resume-grace", "1")
async def a_member_who_does_not_answer_stops_ringing_and_the_call_goes_on(stage):
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    id_group = await stage.group(alice, bob, carol)
    await stage.ring(alice, id_group=id_group)
    await bob.told(501, id_group=id_group)
    await bob.ask(502, 502, pseudo=bob.pseudo, id_group=id_group)
    await carol.told(503, pseudo=carol.pseudo, id_group=id_group, reason="timeout")
    for person in (alice, bob):
        await person.told(503, pseudo=carol.pseudo, id_group=id_group, reason="timeout")
    await alice.ask(504, 504, pseudo=bob.pseudo, data="", id_group=id_group)
    await bob.told(504, pseudo=alice.pseudo)


@flow()
async def who_leaves_the_group_leaves_its_call(stage):
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    id_group = await stage.group(alice, bob, carol)
    await stage.ring(alice, id_group=id_group)
    for person in (bob, carol):
        await person.told(501, id_group=id_group)
        await person.ask(502, 502, pseudo=person.pseudo, id_group=id_group)
    await alice.ask(605, 204, id_group=id_group, pseudo=bob.pseudo)
    await carol.told(503, pseudo=bob.pseudo, id_group=id_group, reason="left_group")
    await bob.told(503, pseudo=bob.pseudo, id_group=id_group, reason="left_group")
    await bob.ask(502, 451, pseudo=bob.pseudo, id_group=id_group)
    await carol.ask(605, 204, id_group=id_group, pseudo=carol.pseudo)
    await alice.told(503, pseudo=carol.pseudo, id_group=id_group, reason="left_group")
    await alice.told(503, pseudo=alice.pseudo, id_group=id_group, reason="ended")
