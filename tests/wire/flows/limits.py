"""What strangers, faulty clients and floods get."""

import json

from stage import PASSWORD, flow, same, true
from websockets.exceptions import ConnectionClosed

MALFORMED = [
    "", "hello", "{", "[]", "null", "7", '"601"', "{}", "[" * 60_000,
    '{"seq":5}',
    '{"type":"601","seq":5,"args":{}}',
    '{"type":601.5,"seq":5,"args":{}}',
    '{"type":1e99,"seq":5,"args":{}}',
    '{"type":-601,"seq":5,"args":{}}',
    '{"type":600,"seq":5,"args":{}}',
    '{"type":999999999999,"seq":5,"args":{}}',
    '{"type":202,"seq":5,"args":{"pp":"","pseudo":"alice","status":"online"}}',
    '{"type":505,"seq":5,"args":{"id_group":"g"}}',
    '{"type":606,"seq":"five","args":{"pseudo":"bob"}}',
    '{"type":606,"seq":5}',
    '{"type":606,"seq":5,"args":null}',
    '{"type":606,"seq":5,"args":["bob"]}',
    '{"type":606,"seq":5,"args":{}}',
    '{"type":606,"seq":5,"args":{"pseudo":7}}',
    '{"type":606,"seq":5,"args":{"pseudo":null}}',
    '{"type":606,"seq":5,"args":{"pseudo":""}}',
    '{"type":606,"seq":5,"args":{"pseudo":"a b"}}',
    '{"type":606,"seq":5,"args":{"pseudo":"%s"}}' % ("a" * 33),
    '{"type":602,"seq":5,"args":{"password":"short"}}',
    '{"type":602,"seq":5,"args":{"password":"%s"}}' % ("a" * 257),
    '{"type":602,"seq":5,"args":{"pp":"picture"}}',
    '{"type":603,"seq":5,"args":{"group_name":""}}',
    '{"type":603,"seq":5,"args":{"group_name":"%s"}}' % ("a" * 65),
    '{"type":501,"seq":5,"args":{"list_pseudo":"bob","address":"0.0.0.0","port":0}}',
    '{"type":501,"seq":5,"args":{"list_pseudo":["bob"],"address":"here","port":0}}',
    '{"type":501,"seq":5,"args":{"list_pseudo":["bob"],"address":"0.0.0.0","port":65536}}',
    '{"type":501,"seq":5,"args":{"list_pseudo":[],"address":"0.0.0.0","port":0}}',
    '{"type":501,"seq":5,"args":{"list_pseudo":["a","b"],"address":"0.0.0.0","port":0}}',
    '{"type":504,"seq":5,"args":{"pseudo":"bob","id_group":"g","data":"not base64"}}',
    '{"type":506,"seq":5,"args":{"address":"0.0.0.0","id_group":"g"}}',
    json.dumps({"type": 601, "seq": 5, "args": {"pseudo": "a", "password": "a" * 70_000}}),
]


@flow()
async def each_kind_of_malformed_frame_draws_450_and_nothing_else(stage):
    alice, bob = await stage.friends("alice", "bob")
    for text in MALFORMED:
        await alice.send_text(text)
        frame = await alice._take(lambda frame: frame["type"] == 450, f"450 to {text[:80]}", 10)
        try:
            readable = len(text) <= 65_536 and json.loads(text).get("seq") == 5
        except (ValueError, AttributeError, RecursionError):
            readable = False
        same(frame.get("re"), 5 if readable else None)
    await alice.send_text(b"\x00binary\xff")
    await alice.told(450)
    same(await alice.settled(), [])
    same(await bob.settled(), [])


@flow()
async def unknown_fields_are_ignored(stage):
    alice = await stage.person("alice")
    await alice.send_text(json.dumps({
        "type": 603, "seq": 99, "x": [1], "args": {"group_name": "g", "y": {"z": None}},
    }))
    same((await alice.answer(99))["type"], 201)


@flow()
async def a_frame_of_more_than_64_kib_is_refused_and_of_more_than_1_mib_closes(stage):
    alice, bob = await stage.friends("alice", "bob")
    empty = '{"type":603,"seq":7,"args":{"group_name":"g"},"x":""}'
    await alice.send_text(empty[:-2] + "a" * (65_536 - len(empty)) + '"}')
    same((await alice.answer(7))["type"], 201)
    await alice.send_text(empty[:-2] + "a" * (65_537 - len(empty)) + '"}')
    await alice.told(450)
    await alice.settled()
    try:
        await alice.send_text(" " * (2 * 1024 * 1024))
    except ConnectionClosed:
        pass
    same(await alice.wait_closed(), 1009)
    await bob.settled()


async def flood(client, frames):
    text = json.dumps({"type": 607, "seq": 1, "args": {"pseudo": "nobody"}})
    try:
        for _ in range(frames):
            await client.send_text(text)
    except ConnectionClosed:
        pass
    return await client.wait_closed()


@flow()
async def a_flood_is_slowed_down_and_then_closed_and_harms_nobody_else(stage):
    alice, bob = await stage.friends("alice", "bob")
    same(await flood(alice, 2_000), 1008)
    true(any(frame["type"] == 452 for frame in alice.inbox), "452 before the end")
    await bob.told(202, pseudo=alice.pseudo, status="offline")
    # A client that does not read while it floods may miss the farewell; it is closed anyway.
    again = await stage.again(alice)
    await flood(again, 20_000)
    await bob.ask(603, 201, group_name="works")


@flow()
async def guessing_a_password_is_slowed_down(stage):
    alice, bob = await stage.people("alice", "bob")
    guesser = await stage.connect()
    answers = [(await guesser.request(608, pseudo=alice.pseudo, password=f"guess {guess}"))["type"]
               for guess in range(16)]
    true(answers.count(402) <= 12 and 402 in answers, f"the answers were {answers}")
    same(answers[-1], 452)
    await guesser.login(bob.pseudo, PASSWORD)
    await stage.resumed(alice)
