"""Direct calls."""

from stage import flow, same, true

ICE = {"ufrag": "Wq3k", "pwd": "5mJt0o7w9nJm0mF3o1yq3lqz",
       "candidates": ["candidate:1 1 udp 2130706431 192.168.1.20 50412 typ host"]}
NOWHERE = dict(address="0.0.0.0", port=0)


@flow()
async def a_direct_call_from_the_ring_to_the_end(stage):
    alice, bob = await stage.friends("alice", "bob")
    echo = await stage.ring(alice, bob)
    id_group = echo["id_group"]
    same((echo["list_pseudo"], echo["address"], echo["port"]), ([bob.pseudo], "0.0.0.0", 0))
    ring = await bob.told(501, id_group=id_group)
    same((ring["pseudo"], ring["list_pseudo"]), (alice.pseudo, [bob.pseudo]))
    accepted = await bob.ask(502, 502, pseudo=bob.pseudo, id_group=id_group)
    same(accepted, {"pseudo": bob.pseudo, "id_group": id_group})
    same(await alice.told(502, id_group=id_group), accepted)
    own = {}
    for person, address in ((alice, "192.0.2.1"), (bob, "2001:db8::7")):
        same((await person.told(505))["id_group"], id_group)
        own[person] = dict(address=address, port=50412, ice=ICE, key="a2V5", more=[1, {"x": None}])
        same(await person.ask(506, 506, id_group=id_group, **own[person]),
             {"id_group": id_group, **own[person]})
    for person, other in ((alice, bob), (bob, alice)):
        same(await person.told(507),
             {"id_group": id_group, "list_info": [{"pseudo": other.pseudo, **own[other]}]})
    data = await alice.ask(504, 504, pseudo=bob.pseudo, data="Y29vZWU=", id_group=id_group)
    same((data["pseudo"], data["data"]), (bob.pseudo, "Y29vZWU="))
    await bob.told(504, pseudo=alice.pseudo, data="Y29vZWU=", id_group=id_group)
    await bob.ask(504, 504, pseudo=bob.pseudo, data="", id_group=id_group)
    await alice.told(504, pseudo=bob.pseudo, data="", id_group=id_group)
    await alice.ask(503, 503, pseudo=alice.pseudo, id_group=id_group)
    await bob.told(503, pseudo=alice.pseudo, reason="quit")
    await bob.told(503, pseudo=bob.pseudo, id_group=id_group, reason="ended")
    # Over, but the quit of a call that one's peer has just ended is no fault.
    await bob.ask(503, 503, pseudo=bob.pseudo, id_group=id_group)
    await alice.silent(503)


@flow()
async def a_pair_has_one_lasting_id_in_both_directions(stage):
    alice, bob = await stage.friends("alice", "bob")
    id_group = await stage.call(alice, bob)
    await alice.ask(503, 503, pseudo=alice.pseudo, id_group=id_group)
    await bob.told(503, reason="ended")
    same(await stage.call(bob, alice), id_group)
    await alice.ask(503, 503, pseudo=alice.pseudo, id_group=id_group)
    await bob.told(503, reason="ended")
    same((await stage.ring(alice, bob, id_group=id_group))["id_group"], id_group)
    await bob.told(501, id_group=id_group, pseudo=alice.pseudo)


@flow()
async def early_info_is_told_upon_the_accept_and_not_before(stage):
    alice, bob = await stage.friends("alice", "bob")
    early = {"address": "192.0.2.1", "port": 50412, "ice": ICE, "key": "a2V5"}
    id_group = (await stage.ring(alice, bob, info=early))["id_group"]
    ring = await bob.told(501, id_group=id_group)
    true("info" not in ring, "the ring tells no info")
    answer = {"address": "198.51.100.23", "port": 40112, "ice": ICE, "key": "a2V5"}
    accepted = await bob.ask(502, 502, pseudo=bob.pseudo, id_group=id_group, info=answer)
    true("info" not in accepted, "the echo of 502 tells no info")
    for person, other, info in ((alice, bob, answer), (bob, alice, early)):
        told = await person.told(507)
        same(told["list_info"], [{"pseudo": other.pseudo, **info}])
        await person.told(505)
    forwarded = await alice.told(502)
    true("info" not in forwarded, "the forward of 502 tells no info")


@flow()
async def the_request_for_addresses_comes_before_the_distribution(stage):
    alice, bob = await stage.friends("alice", "bob")
    early = {"address": "192.0.2.1", "port": 50412}
    id_group = (await stage.ring(alice, bob, info=early))["id_group"]
    await bob.ask(502, 502, pseudo=bob.pseudo, id_group=id_group, info=early)
    await bob.settled()
    await alice.settled()
    for person, expected in ((alice, [502, 505, 507]), (bob, [501, 505, 507])):
        kinds = [frame["type"] for frame in person.inbox]
        same([kind for kind in kinds if kind // 100 == 5], expected)


@flow()
async def who_never_tells_an_address_is_listed_without_one_after_five_seconds(stage):
    alice, bob = await stage.friends("alice", "bob")
    id_group = (await stage.ring(alice, bob))["id_group"]
    await bob.ask(502, 502, pseudo=bob.pseudo, id_group=id_group)
    await alice.ask(506, 506, id_group=id_group, address="192.0.2.1", port=9)
    same((await alice.told(507))["list_info"], [{"pseudo": bob.pseudo, **NOWHERE}])
    same((await bob.told(507))["list_info"],
         [{"pseudo": alice.pseudo, "address": "192.0.2.1", "port": 9}])


@flow()
async def a_new_network_is_told_to_the_others(stage):
    alice, bob = await stage.friends("alice", "bob")
    id_group = await stage.call(alice, bob)
    await alice.ask(506, 506, id_group=id_group, address="192.0.2.200", port=7)
    same((await bob.told(507))["list_info"],
         [{"pseudo": alice.pseudo, "address": "192.0.2.200", "port": 7}])
    await alice.silent(507)
    large = {"address": "192.0.2.1", "port": 1, "blob": "x" * 17_000}
    await alice.ask(506, 450, id_group=id_group, **large)


@flow()
async def a_call_is_declined(stage):
    alice, bob = await stage.friends("alice", "bob")
    second = await stage.again(bob)
    id_group = (await stage.ring(alice, bob))["id_group"]
    for session in (bob, second):
        await session.told(501, id_group=id_group)
    await bob.ask(503, 503, pseudo=bob.pseudo, id_group=id_group)
    await alice.told(503, pseudo=bob.pseudo, id_group=id_group, reason="declined")
    await alice.told(503, pseudo=alice.pseudo, reason="ended")
    await second.told(503, pseudo=bob.pseudo, id_group=id_group, reason="declined_elsewhere")
    id_group = (await stage.ring(alice, bob))["id_group"]
    await bob.ask(503, 503, pseudo=bob.pseudo, id_group=id_group, reason="busy")
    await alice.told(503, pseudo=bob.pseudo, reason="busy")


@flow()
async def a_caller_gives_up(stage):
    alice, bob = await stage.friends("alice", "bob")
    id_group = (await stage.ring(alice, bob))["id_group"]
    await bob.told(501, id_group=id_group)
    await alice.ask(503, 503, pseudo=alice.pseudo, id_group=id_group)
    await bob.told(503, pseudo=alice.pseudo, id_group=id_group, reason="cancelled")
    await bob.ask(502, 404, pseudo=bob.pseudo, id_group=id_group)


@flow()
async def who_is_not_there_cannot_be_rung(stage):
    alice, bob = await stage.friends("alice", "bob")
    await bob.close()
    await alice.told(202, pseudo=bob.pseudo, status="offline")
    failed = await alice.ask(501, 404, list_pseudo=[bob.pseudo], **NOWHERE)
    same(failed["reason"], "offline")
    true(failed["id_group"], "404 says which call")


@flow()
async def who_is_in_another_call_is_busy(stage):
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    id_group = await stage.call(alice, bob)
    failed = await carol.ask(501, 404, list_pseudo=[bob.pseudo], **NOWHERE)
    same(failed["reason"], "busy")
    await bob.silent(501)
    await alice.ask(501, 451, list_pseudo=[carol.pseudo], **NOWHERE)
    await alice.ask(501, 451, list_pseudo=[bob.pseudo], id_group=id_group, **NOWHERE)


@flow()
async def strangers_cannot_be_rung_and_look_like_nobody(stage):
    alice, bob = await stage.people("alice", "bob")
    await alice.ask(606, 205, pseudo=bob.pseudo)
    for pseudo in (bob.pseudo, stage.name("nobody")):
        failed = await alice.ask(501, 404, list_pseudo=[pseudo], **NOWHERE)
        same(failed["reason"], "not_allowed")
    await bob.silent(501)
    for id_group in ("no-such-group", "6f1c5d3e-8a52-4f0b-9d64-0b3f5a1c7e29"):
        await alice.ask(501, 451, list_pseudo=[bob.pseudo], id_group=id_group, **NOWHERE)


@flow("--ring-timeout", "1", "--resume-grace", "1")
async def nobody_answers_in_time(stage):
    alice, bob = await stage.friends("alice", "bob")
    id_group = (await stage.ring(alice, bob))["id_group"]
    await bob.told(501, id_group=id_group)
    await bob.told(503, pseudo=bob.pseudo, id_group=id_group, reason="timeout")
    await alice.told(404, id_group=id_group, reason="timeout")
    await bob.ask(502, 404, pseudo=bob.pseudo, id_group=id_group)
    await stage.ring(alice, bob)


@flow()
async def both_call_at_once(stage):
    alice, bob = await stage.friends("alice", "bob")
    second = await stage.again(bob)
    id_group = (await stage.ring(alice, bob))["id_group"]
    # Bob's own ring crosses Alice's and acts as his accept.
    echo = await stage.ring(bob, alice)
    same((echo["id_group"], echo["list_pseudo"]), (id_group, []))
    await alice.told(502, pseudo=bob.pseudo, id_group=id_group)
    await second.told(503, pseudo=bob.pseudo, reason="answered_elsewhere")
    for person in (alice, bob):
        await person.told(505, id_group=id_group)
    await alice.silent(501)


@flow()
async def another_session_answers(stage):
    alice, bob = await stage.friends("alice", "bob")
    second = await stage.again(bob)
    id_group = (await stage.ring(alice, bob))["id_group"]
    for session in (bob, second):
        await session.told(501, id_group=id_group, pseudo=alice.pseudo)
    await second.ask(502, 502, pseudo=bob.pseudo, id_group=id_group)
    await bob.told(503, pseudo=bob.pseudo, id_group=id_group, reason="answered_elsewhere")
    await bob.ask(502, 451, pseudo=bob.pseudo, id_group=id_group)
    await second.told(505, id_group=id_group)
    await bob.silent(505)


@flow()
async def who_comes_online_while_being_rung_hears_it(stage):
    alice, bob = await stage.friends("alice", "bob")
    id_group = (await stage.ring(alice, bob))["id_group"]
    second = await stage.again(bob)
    await second.told(501, id_group=id_group, pseudo=alice.pseudo)
    await second.ask(502, 502, pseudo=bob.pseudo, id_group=id_group)


@flow()
async def only_the_rung_accept_and_only_for_themselves(stage):
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    id_group = (await stage.ring(alice, bob))["id_group"]
    await carol.ask(502, 451, pseudo=carol.pseudo, id_group=id_group)
    await bob.ask(502, 451, pseudo=carol.pseudo, id_group=id_group)
    await bob.ask(503, 451, pseudo=alice.pseudo, id_group=id_group)
    await alice.ask(503, 451, pseudo=bob.pseudo, id_group=id_group)
    await carol.ask(503, 404, pseudo=carol.pseudo, id_group=id_group)
    for code, more in ((502, {"pseudo": bob.pseudo}), (506, NOWHERE)):
        failed = await bob.ask(code, 404, id_group="no-such-call", **more)
        same(failed["id_group"], "no-such-call")
    await carol.ask(506, 404, id_group=id_group, **NOWHERE)
    await alice.silent(502)


@flow()
async def data_for_somebody_who_is_not_in_the_call_is_refused(stage):
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    data = dict(data="Y29vZWU=")
    await alice.ask(504, 403, pseudo=bob.pseudo, id_group="no-such-call", **data)
    id_group = await stage.call(alice, bob)
    await alice.ask(504, 403, pseudo=carol.pseudo, id_group=id_group, **data)
    await carol.ask(504, 403, pseudo=bob.pseudo, id_group=id_group, **data)
    await bob.silent(504)
    await bob.ask(503, 503, pseudo=bob.pseudo, id_group=id_group)
    await alice.told(503, reason="ended")
    await alice.ask(504, 403, pseudo=bob.pseudo, id_group=id_group, **data)


@flow()
async def a_rename_during_a_call_is_told_and_the_call_goes_on(stage):
    alice, bob = await stage.friends("alice", "bob")
    id_group = await stage.call(alice, bob)
    old, new = bob.pseudo, stage.name("robert")
    await bob.ask(602, 202, pseudo=new)
    await alice.told(202, pseudo=new, previous_pseudo=old)
    await alice.ask(504, 504, pseudo=new, data="", id_group=id_group)
    await bob.told(504, pseudo=alice.pseudo)
    await bob.ask(506, 506, id_group=id_group, address="192.0.2.9", port=9)
    same((await alice.told(507))["list_info"][0]["pseudo"], new)
    await bob.ask(503, 503, pseudo=new, id_group=id_group)
    await alice.told(503, pseudo=new, reason="quit")


@flow()
async def a_broken_connection_does_not_end_the_call(stage):
    alice, bob = await stage.friends("alice", "bob")
    id_group = await stage.call(alice, bob)
    await bob.drop()
    again, *_ = await stage.resumed(bob)
    same((await again.told(507))["list_info"],
         [{"pseudo": alice.pseudo, "address": "192.0.2.1", "port": 1001}])
    await alice.silent(503)
    await alice.ask(504, 504, pseudo=bob.pseudo, data="Y29vZWU=", id_group=id_group)
    await again.told(504, pseudo=alice.pseudo)
    await again.ask(503, 503, pseudo=bob.pseudo, id_group=id_group)
    await alice.told(503, pseudo=bob.pseudo, reason="quit")


@flow()
async def another_session_takes_the_place_of_a_broken_one(stage):
    alice, bob = await stage.friends("alice", "bob")
    second = await stage.again(bob)
    id_group = (await stage.ring(alice, bob))["id_group"]
    await bob.ask(502, 502, pseudo=bob.pseudo, id_group=id_group)
    await second.told(503, reason="answered_elsewhere")
    await bob.drop()
    # The server may need a moment to see the break; until then the place is taken.
    while (frame := await second.request(502, pseudo=bob.pseudo, id_group=id_group))["type"] == 451:
        pass
    same(frame["type"], 502)
    await alice.ask(504, 504, pseudo=bob.pseudo, data="", id_group=id_group)
    await second.told(504, pseudo=alice.pseudo)


@flow("--ring-timeout", "1", "--resume-grace", "1")
async def who_does_not_come_back_is_lost(stage):
    alice, bob = await stage.friends("alice", "bob")
    id_group = await stage.call(alice, bob)
    await bob.drop()
    await alice.told(503, pseudo=bob.pseudo, id_group=id_group, reason="lost")
    await alice.told(503, pseudo=alice.pseudo, reason="ended")
    await alice.told(202, pseudo=bob.pseudo, status="offline")


@flow()
async def a_log_out_leaves_the_call(stage):
    alice, bob = await stage.friends("alice", "bob")
    id_group = await stage.call(alice, bob)
    await bob.ask(651, 651)
    await alice.told(503, pseudo=bob.pseudo, id_group=id_group)
    await alice.told(503, pseudo=alice.pseudo, reason="ended")


@flow()
async def a_session_that_moves_to_another_connection_takes_the_call_along(stage):
    alice, bob = await stage.friends("alice", "bob")
    id_group = await stage.call(alice, bob)
    again, *_ = await stage.resumed(bob)
    same(await bob.wait_closed(), 4001)
    same([entry["pseudo"] for entry in (await again.told(507))["list_info"]], [alice.pseudo])
    await again.ask(504, 504, pseudo=alice.pseudo, data="", id_group=id_group)
    await alice.told(504, pseudo=bob.pseudo)
    await alice.silent(503)


@flow()
async def a_broken_connection_goes_on_ringing_and_hears_it_when_it_is_back(stage):
    alice, bob = await stage.friends("alice", "bob")
    id_group = (await stage.ring(alice, bob))["id_group"]
    await bob.told(501, id_group=id_group)
    await bob.drop()
    again, *_ = await stage.resumed(bob)
    await again.told(501, id_group=id_group, pseudo=alice.pseudo)
    await again.ask(502, 502, pseudo=bob.pseudo, id_group=id_group)
    await alice.told(502, pseudo=bob.pseudo)


@flow()
async def too_much_data_is_dropped_and_the_call_goes_on(stage):
    alice, bob = await stage.friends("alice", "bob")
    id_group = await stage.call(alice, bob)
    answers = set()
    for number in range(1_600):
        seq = await alice.send(504, pseudo=bob.pseudo, data="YQ==", id_group=id_group)
        if number % 50 == 49:
            answers.add((await alice.answer(seq))["type"])
    same(answers, {504, 452})
    await alice.settled()
    await bob.told(504, pseudo=alice.pseudo, data="YQ==")
    await bob.ask(503, 503, pseudo=bob.pseudo, id_group=id_group)
    await alice.told(503, pseudo=bob.pseudo, reason="quit")
