"""Profiles, sessions, presence and pictures."""

import asyncio
import hashlib
import json
import struct
import zlib

from stage import PASSWORD, flow, same, true
from wire_client import WireClient, http_request, stun_binding


@flow()
async def a_new_profile_is_logged_in(stage):
    alice = await stage.connect(subprotocols=["cooee.v1"])
    same(alice.socket.subprotocol, "cooee.v1")
    pseudo = stage.name("Alice")
    profile = await alice.register(pseudo)
    same((profile["pp"], profile["pseudo"], profile["status"]), ("", pseudo, "online"))
    true(len(profile["token"]) >= 43, "a token of at least 256 bits")
    same(await alice.settled(), [])


@flow()
async def a_name_that_is_taken_is_refused_whatever_its_case(stage):
    alice = await stage.person("alice")
    other = await stage.connect()
    for spelling in (alice.pseudo, alice.pseudo.upper(), alice.pseudo.replace("alice", "ａｌｉｃｅ")):
        await other.ask(601, 401, pseudo=spelling, password=PASSWORD)
    await other.register(stage.name("alice"))


@flow()
async def before_login_everything_else_is_refused(stage):
    stranger = await stage.connect()
    call = dict(pseudo="bob", id_group="g")
    for code, args in [
        (602, dict(pseudo="bob")), (603, dict(group_name="g")),
        (604, call), (605, call), (606, dict(pseudo="bob")), (607, dict(pseudo="bob")),
        (501, dict(list_pseudo=["bob"], address="0.0.0.0", port=0)), (502, call), (503, call),
        (504, dict(data="", **call)), (506, dict(address="0.0.0.0", port=0, id_group="g")),
        (651, {}),
    ]:
        await stranger.ask(code, 402, **args)
    await stranger.ask(606, 450, pseudo=7)


@flow()
async def a_login_answers_profile_contacts_and_groups_in_this_order(stage):
    alice, bob = await stage.friends("alice", "bob")
    carol = await stage.person("carol")
    await carol.ask(606, 205, pseudo=alice.pseudo)
    group = await stage.group(alice, bob)
    await bob.close()
    await alice.told(202, pseudo=bob.pseudo, status="offline")
    again = await stage.connect()
    profile, contacts, groups = await again.login(alice.pseudo.upper())
    same((profile["pseudo"], profile["status"]), (alice.pseudo, "online"))
    true(again.token != alice.token, "each session has its own token")
    same(sorted((entry["pseudo"], entry["status"], entry["pp"]) for entry in contacts),
         sorted([(bob.pseudo, "offline", ""), (carol.pseudo, "requested", "")]))
    same([entry["id_group"] for entry in groups], [group])
    same((groups[0]["list_pseudo"], groups[0]["creator"]),
         ([alice.pseudo, bob.pseudo], alice.pseudo))


@flow()
async def an_unknown_name_and_a_wrong_password_are_the_same_refusal(stage):
    alice = await stage.person("alice")
    stranger = await stage.connect()
    refusals = []
    for pseudo, password in [(alice.pseudo, "wrong password"), (stage.name("none"), PASSWORD),
                             (alice.pseudo, "short")]:
        frame = await stranger.request(608, pseudo=pseudo, password=password)
        del frame["re"]
        refusals.append(frame)
    same(refusals[0]["type"], 402)
    same(refusals, [refusals[0]] * 3)
    await stranger.login(alice.pseudo)


@flow()
async def a_session_resumes_by_its_token(stage):
    alice, bob = await stage.friends("alice", "bob")
    await alice.drop()
    await bob.told(202, pseudo=alice.pseudo, status="offline")
    again, profile, contacts, groups = await stage.resumed(alice)
    same((profile["pseudo"], profile["token"], groups), (alice.pseudo, alice.token, []))
    same([(entry["pseudo"], entry["status"]) for entry in contacts], [(bob.pseudo, "online")])
    await bob.told(202, pseudo=alice.pseudo, status="online")
    await again.ask(603, 201, group_name="works")


@flow()
async def an_unknown_token_is_refused(stage):
    stranger = await stage.connect()
    await stranger.ask(650, 402, token="Vd6cYbYk1cJt0o7w9nJm0mF3o1yq3lqz2rJmYwQ8s5E")
    await stranger.ask(650, 450, token="")


@flow()
async def a_token_that_is_resumed_twice_moves_to_the_newer_connection(stage):
    alice, bob = await stage.friends("alice", "bob")
    again, *_ = await stage.resumed(alice)
    same(await alice.wait_closed(), 4001)
    await again.settled()
    await bob.silent(202, pseudo=alice.pseudo)


@flow()
async def a_log_out_revokes_the_token_and_leaves_the_connection(stage):
    alice, bob = await stage.friends("alice", "bob")
    await alice.ask(651, 651)
    await bob.told(202, pseudo=alice.pseudo, status="offline")
    await alice.ask(603, 402, group_name="no more")
    await alice.ask(650, 402, token=alice.token)
    await alice.login(alice.pseudo)
    await bob.told(202, pseudo=alice.pseudo, status="online")


@flow()
async def a_second_login_on_a_connection_synchronises_or_changes_the_profile(stage):
    alice, bob = await stage.friends("alice", "bob")
    pseudo, token = alice.pseudo, alice.token
    profile, contacts, _ = await alice.login(pseudo)
    same(len(contacts), 1)
    await bob.silent(202, pseudo=pseudo)
    await alice.register(stage.name("other"))
    await bob.told(202, pseudo=pseudo, status="offline")
    stranger = await stage.connect()
    await stranger.ask(650, 402, token=token)


@flow()
async def a_rename_reaches_all_whom_it_concerns_with_the_previous_name(stage):
    alice, contact, member, asked = await stage.people("alice", "bob", "carol", "dave")
    await stage.befriend(alice, contact)
    await stage.befriend(contact, member)
    await alice.ask(606, 205, pseudo=asked.pseudo)
    id_group = await stage.group(contact, alice, member)
    await asked.settled()
    second = await stage.again(alice)
    stranger = await stage.person("stranger")
    old, new = alice.pseudo, stage.name("Alicia")
    profile = await alice.ask(602, 202, pseudo=new)
    same((profile["pseudo"], profile["previous_pseudo"]), (new, old))
    for person in (contact, member, asked, second):
        await person.told(202, pseudo=new, previous_pseudo=old)
    for person in (alice, contact, member):
        group = await person.told(201, id_group=id_group)
        same(group["list_pseudo"], [contact.pseudo, new, member.pseudo])
    await asked.silent(201)
    same(await stranger.settled(), [])
    await stranger.ask(608, 402, pseudo=old, password=PASSWORD)
    await stranger.login(new)


@flow()
async def an_amendment_to_a_taken_name_changes_nothing(stage):
    alice, bob = await stage.friends("alice", "bob")
    await alice.ask(602, 401, pseudo=bob.pseudo.upper(), password="another password")
    again = await stage.connect()
    await again.login(alice.pseudo, PASSWORD)
    await again.ask(602, 450, pp="ab" * 32)
    own = await again.ask(602, 202, pseudo=alice.pseudo.upper())
    same(own["pseudo"], alice.pseudo.upper())
    await bob.told(202, pseudo=alice.pseudo.upper())


@flow()
async def a_new_password_ends_the_other_sessions(stage):
    alice = await stage.person("alice")
    other = await stage.again(alice)
    await alice.ask(602, 202, password=PASSWORD)
    await other.silent(402)
    await alice.ask(602, 202, password="battery staple horse")
    await other.told(402)
    same(await other.wait_closed(), 1008)
    stranger = await stage.connect()
    await stranger.ask(650, 402, token=other.token)
    await stranger.ask(608, 402, pseudo=alice.pseudo, password=PASSWORD)
    await stranger.login(alice.pseudo, "battery staple horse")
    again, *_ = await stage.resumed(alice)
    await again.settled()


@flow()
async def presence_is_told_to_contacts_only_and_only_when_it_changes(stage):
    alice, bob = await stage.friends("alice", "bob")
    pending = await stage.person("carol")
    await pending.ask(606, 205, pseudo=alice.pseudo)
    second = await stage.again(alice)
    await bob.silent(202)
    await second.close()
    await bob.silent(202)
    await alice.close()
    await bob.told(202, pseudo=alice.pseudo, status="offline")
    await stage.again(alice)
    await bob.told(202, pseudo=alice.pseudo, status="online")
    await pending.silent(202)


@flow()
async def presence_says_who_is_in_a_call(stage):
    alice, bob = await stage.friends("alice", "bob")
    carol = await stage.person("carol")
    await stage.befriend(alice, carol)
    id_group = await stage.call(alice, bob)
    await carol.told(202, pseudo=alice.pseudo, status="in_call")
    await alice.ask(503, 503, pseudo=alice.pseudo, id_group=id_group)
    await carol.told(202, pseudo=alice.pseudo, status="online")


def png(side):
    """A black square."""

    def chunk(kind, body):
        return (struct.pack("!I", len(body)) + kind + body
                + struct.pack("!I", zlib.crc32(kind + body)))

    rows = zlib.compress(b"".join(b"\0" + bytes(side) for _ in range(side)))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack("!IIBBBBB", side, side, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


async def http(stage, *request, **options):
    return await asyncio.to_thread(http_request, stage.server.url, *request, **options)


@flow()
async def a_picture_goes_up_by_http_and_shows_in_the_profile(stage):
    alice, bob = await stage.friends("alice", "bob")
    picture = png(64)
    status, _, body = await http(stage, "PUT", "/v1/pictures", picture, token=alice.token)
    same(status, 201)
    pp = json.loads(body)["pp"]
    same(pp, hashlib.sha256(picture).hexdigest())
    same((await http(stage, "PUT", "/v1/pictures", picture, token=bob.token))[0], 200)
    status, kind, body = await http(stage, "GET", f"/v1/pictures/{pp}", token=bob.token)
    same((status, kind, body), (200, "image/png", picture))
    same((await alice.ask(602, 202, pp=pp))["pp"], pp)
    await bob.told(202, pseudo=alice.pseudo, pp=pp)
    again = await stage.connect()
    _, contacts, _ = await again.login(bob.pseudo)
    same(contacts[0]["pp"], pp)
    same((await alice.ask(602, 202, pp=""))["pp"], "")
    await bob.told(202, pseudo=alice.pseudo, pp="")


@flow()
async def pictures_of_other_kinds_sizes_and_people_are_refused(stage):
    alice = await stage.person("alice")
    put = ("PUT", "/v1/pictures")
    same((await http(stage, *put, png(8)))[0], 401)
    same((await http(stage, *put, png(8), token="unknown"))[0], 401)
    same((await http(stage, *put, b"GIF89a" + bytes(64), token=alice.token))[0], 415)
    same((await http(stage, *put, png(2049), token=alice.token))[0], 413)
    large = png(8) + bytes(1024 * 1024)
    same((await http(stage, *put, large, token=alice.token))[0], 413)
    same((await http(stage, "GET", "/v1/pictures/" + "ab" * 32, token=alice.token))[0], 404)


@flow()
async def the_server_says_that_it_works_and_what_address_it_sees(stage):
    same((await http(stage, "GET", "/healthz"))[0], 200)
    alice = await stage.person("alice")
    host, port = alice.stun[0].rsplit(":", 1)
    own, reflected = await asyncio.to_thread(stun_binding, (host or "127.0.0.1", int(port)))
    same(reflected, own)


@flow("--login-timeout", "1")
async def who_does_not_log_in_is_closed(stage):
    stranger = await stage.connect()
    alice = await stage.person("alice")
    same(await stranger.wait_closed(), 1008)
    await alice.settled()


async def a_server_that_stops_tells_its_clients(server):
    """Run last: the server is asked to stop while somebody is connected."""
    client = await WireClient.connect(server.url)
    await client.register("last.one")
    status = await asyncio.to_thread(server.stop, 5.0)
    same((await client.wait_closed(), status), (1001, 0))
