"""Conversations, blocking, attachments and the end of a profile."""

import hashlib
import json
import os
import time
import uuid

from stage import PASSWORD, flow, same, true
from wire_client import http_exchange


def uuid7():
    """A UUID of version 7 (RFC 9562, section 5.7): milliseconds, then chance."""
    bits = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10))
    bits = bits & ~(0xF << 76) | 7 << 76
    return str(uuid.UUID(int=bits & ~(3 << 62) | 2 << 62))


def text(body, **where):
    return dict(id=uuid7(), kind="message", content_type="text/plain", body=body, **where)


async def follow(*people):
    for person in people:
        await person.ask(664, 265)


@flow()
async def what_is_written_to_a_contact_arrives_once(stage):
    alice, bob = await stage.friends("alice", "bob")
    second = await stage.again(bob)
    await follow(alice, bob, second)
    message = text("call you in five", pseudo=bob.pseudo)
    stored = await alice.ask(660, 260, **message)
    same((stored["id"], stored["sequence"], stored["previous"]), (message["id"], 1, 0))
    same(await alice.ask(660, 260, **message), stored)
    for client in (bob, second):
        told = await client.told(261)
        same(told, {"id_group": stored["id_group"], "previous": 0, "sequence": 1,
                    "id": message["id"], "time": stored["time"], "pseudo": alice.pseudo,
                    "kind": "message", "content_type": "text/plain", "body": "call you in five"})
        await client.silent(261)
    await alice.silent(261)
    refused = await alice.request(660, **{**message, "body": "another"})
    same((refused["type"], refused["reason"], refused["id"]), (403, "duplicate", message["id"]))
    answer = await bob.ask(660, 260, **text("fine", id_group=stored["id_group"],
                                            reply_to=message["id"]))
    same((answer["sequence"], answer["previous"]), (2, 1))
    same((await alice.told(261))["reply_to"], message["id"])


@flow()
async def a_device_that_was_away_pulls_what_it_lacks(stage):
    alice, bob = await stage.friends("alice", "bob")
    listed = await bob.ask(664, 265)
    await bob.drop()
    id_group = None
    for number in range(1, 8):
        stored = await alice.ask(660, 260, **text(f"number {number}", pseudo=bob.pseudo))
        id_group = stored["id_group"]
    bob, _, _, _ = await stage.resumed(bob)
    news = await bob.ask(664, 265, since=listed["cursor"])
    same(news["list_conversation"], [{"id_group": id_group, "pseudo": alice.pseudo,
                                      "joined_after": 0, "last": 7, "delivered": 0, "read": 0}])
    have, more = [], True
    while more:
        page = await bob.ask(663, 264, id_group=id_group, limit=3,
                             after=have[-1]["sequence"] if have else 0)
        have, more = have + page["list_entry"], page["more"]
    same([entry["body"] for entry in have], [f"number {number}" for number in range(1, 8)])
    older = await bob.ask(663, 264, id_group=id_group, before=3, limit=1)
    same(([entry["sequence"] for entry in older["list_entry"]], older["more"]), ([2], True))
    same((await bob.ask(664, 265, since=news["cursor"]))["list_conversation"], [])
    true((await bob.ask(664, 265, since="none.of.this.server"))["restart"], "no restart")


@flow()
async def edits_deletions_reactions_and_marks(stage):
    alice, bob = await stage.friends("alice", "bob")
    await follow(alice, bob)
    said = await alice.ask(660, 260, **text("tomorow", pseudo=bob.pseudo))
    id_group, meant = said["id_group"], said["id"]

    def about(kind, body=None):
        args = dict(id=uuid7(), id_group=id_group, kind=kind, refers_to=meant)
        return args if body is None else {**args, "content_type": "text/plain", "body": body}

    for args in (about("edit", "never"), about("deletion")):
        same((await bob.request(660, **args))["reason"], "not_author")
    await alice.ask(660, 260, **about("edit", "tomorrow"))
    await bob.told(261, kind="edit", refers_to=meant)
    await bob.ask(660, 260, **about("reaction", "+1"))
    await alice.told(261, kind="reaction")
    marks = await bob.ask(661, 262, id_group=id_group, read=2)
    same(marks["list_mark"], [{"pseudo": bob.pseudo, "delivered": 2, "read": 2}])
    same((await alice.told(262))["list_mark"], marks["list_mark"])
    await bob.ask(662, 263, id_group=id_group, typing=True)
    await alice.told(263, pseudo=bob.pseudo, typing=True)
    await alice.ask(660, 260, **about("deletion"))
    await bob.told(261, kind="deletion")
    page = await bob.ask(663, 264, id_group=id_group)
    for entry in page["list_entry"][:3]:
        true(entry.get("erased") and "body" not in entry, f"not erased: {entry}")
    same((await alice.request(660, **about("reaction", "late")))["reason"], "no_target")


@flow()
async def members_of_a_group_read_while_they_are_members(stage):
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    stranger = await stage.person("stranger")
    id_group = await stage.group(alice, bob)
    await follow(alice, bob, carol)
    await alice.ask(660, 260, **text("before", id_group=id_group))
    await alice.ask(604, 201, id_group=id_group, pseudo=carol.pseudo)
    await carol.told(201, id_group=id_group)
    await bob.ask(660, 260, **text("with carol", id_group=id_group))
    await carol.told(261, body="with carol")
    page = await carol.ask(663, 264, id_group=id_group, after=0)
    same([entry["body"] for entry in page["list_entry"]], ["with carol"])
    await alice.ask(605, 204, id_group=id_group, pseudo=carol.pseudo)
    await alice.ask(660, 260, **text("without carol", id_group=id_group))
    await carol.silent(261, body="without carol")
    for outsider in (carol, stranger):
        same((await outsider.request(660, **text("?", id_group=id_group)))["reason"], "not_member")
        for code in (661, 663):
            await outsider.ask(code, 451, id_group=id_group)
        await outsider.ask(662, 451, id_group=id_group, typing=True)


@flow()
async def a_call_that_is_over_is_an_entry(stage):
    alice, bob = await stage.friends("alice", "bob")
    await follow(alice, bob)
    id_group = await stage.call(alice, bob)
    await bob.ask(503, 503, pseudo=bob.pseudo, id_group=id_group)
    for client in (alice, bob):
        told = await client.told(261, kind="call", id_group=id_group, pseudo=alice.pseudo)
        same(json.loads(told["body"])["outcome"], "finished")
    await stage.ring(alice, bob)
    await bob.told(501)
    await bob.ask(503, 503, pseudo=bob.pseudo, id_group=id_group, reason="declined")
    told = await alice.told(261, kind="call", sequence=2)
    same(json.loads(told["body"]), {"outcome": "declined", "duration": 0})


@flow()
async def who_is_blocked_sees_somebody_who_is_away(stage):
    alice, mallory = await stage.friends("alice", "mallory")
    await follow(alice, mallory)
    first = await mallory.ask(660, 260, **text("hello", pseudo=alice.pseudo))
    id_group = first["id_group"]
    await alice.told(261)
    same(await alice.ask(665, 266, pseudo=mallory.pseudo), {"list_pseudo": [mallory.pseudo]})
    await mallory.told(202, pseudo=alice.pseudo, status="offline")
    stored = await mallory.ask(660, 260, **text("there?", id_group=id_group))
    same((stored["sequence"], stored["previous"]), (2, 1))
    refused = await mallory.request(501, list_pseudo=[alice.pseudo], address="0.0.0.0", port=0)
    same((refused["type"], refused["reason"]), (404, "offline"))
    await mallory.ask(662, 263, id_group=id_group, typing=True)
    for code in (261, 262, 263, 501):
        await alice.silent(code)
    same((await alice.request(660, **text("no", id_group=id_group)))["reason"], "blocked")
    _, _, contacts, _ = await stage.resumed(mallory)
    same([contact["status"] for contact in contacts], ["offline"])
    same(await alice.ask(666, 266, pseudo=mallory.pseudo), {"list_pseudo": []})
    same(await alice.ask(667, 266), {"list_pseudo": []})
    page = await alice.ask(663, 264, id_group=id_group)
    same([entry["sequence"] for entry in page["list_entry"]], [1])


@flow()
async def an_attachment_is_resumed_and_read_by_who_sees_the_entry(stage):
    alice, bob = await stage.friends("alice", "bob")
    stranger = await stage.person("stranger")
    url, content = stage.server.url, os.urandom(8192)
    id = hashlib.sha256(content).hexdigest()
    path = f"/v1/attachments/{id}"

    def patch(offset, part):
        return http_exchange(url, "PATCH", path, part, alice.token,
                             {"Upload-Offset": str(offset), "Upload-Length": str(len(content))})

    same(patch(0, content[:4096])[0], 204)
    status, headers, _ = http_exchange(url, "HEAD", path, None, alice.token)
    same((status, headers["Upload-Offset"], headers["Upload-Complete"]), (200, "4096", "?0"))
    status, headers, _ = patch(0, content)
    same((status, headers["Upload-Offset"]), (409, "4096"))
    status, headers, body = patch(4096, content[4096:])
    same((status, headers["Upload-Complete"], json.loads(body)), (201, "?1", {"id": id}))
    same(http_exchange(url, "PUT", path, content, alice.token)[0], 200)
    same(http_exchange(url, "GET", path, None, bob.token)[0], 404)
    body = json.dumps({"text": "the map", "files": [
        {"id": id, "name": "map.png", "media_type": "image/png", "size": len(content)}]})
    message = dict(text(body, pseudo=bob.pseudo), list_attachment=[id])
    message["content_type"] = "application/vnd.cooee.files+json"
    same((await bob.request(660, **{**message, "pseudo": alice.pseudo}))["reason"],
         "no_attachment")
    await alice.ask(660, 260, **message)
    same(http_exchange(url, "GET", path, None, bob.token)[::2], (200, content))
    status, _, part = http_exchange(url, "GET", path, None, bob.token, {"Range": "bytes=100-199"})
    same((status, part), (206, content[100:200]))
    same(http_exchange(url, "GET", path, None, stranger.token)[0], 404)
    same(http_exchange(url, "GET", path, None, None)[0], 401)
    other = "0" * 64
    same(http_exchange(url, "PUT", f"/v1/attachments/{other}", content, alice.token)[0], 422)


@flow()
async def a_profile_that_is_deleted_is_gone_everywhere(stage):
    alice, bob = await stage.friends("alice", "bob")
    id_group = await stage.group(alice, bob)
    await follow(bob)
    pair = (await alice.ask(660, 260, **text("us", pseudo=bob.pseudo)))["id_group"]
    await alice.ask(660, 260, **text("all", id_group=id_group))
    second = await stage.again(alice)
    await alice.ask(668, 402, password="wrong horse battery")
    same(await alice.ask(668, 668, password=PASSWORD), {})
    await second.told(402)
    same(await second.wait_closed(), 1008)
    await alice.ask(664, 402)
    await bob.told(206, pseudo=alice.pseudo)
    await bob.told(204, pseudo=alice.pseudo, id_group=id_group)
    await bob.told(201, creator=bob.pseudo)
    await bob.ask(663, 451, id_group=pair)
    entry, = (await bob.ask(663, 264, id_group=id_group))["list_entry"]
    true(entry["erased"] and "pseudo" not in entry and "body" not in entry, f"still there: {entry}")
    again = await stage.connect()
    await again.register(alice.pseudo)
    same((await again.ask(664, 265))["list_conversation"], [])
