"""Contacts and groups."""

from stage import flow, same, true


@flow()
async def a_contact_is_asked_for_and_confirmed(stage):
    alice, bob = await stage.people("alice", "bob")
    second = await stage.again(alice)
    asked = await alice.ask(606, 205, pseudo=bob.pseudo.upper())
    same((asked["pseudo"], asked["status"], asked["pp"]), (bob.pseudo, "pending", ""))
    await second.told(205, pseudo=bob.pseudo, status="pending")
    await bob.told(205, pseudo=alice.pseudo, status="requested")
    confirmed = await bob.ask(606, 205, pseudo=alice.pseudo)
    same((confirmed["pseudo"], confirmed["status"]), (alice.pseudo, "online"))
    for session in (alice, second):
        await session.told(205, pseudo=bob.pseudo, status="online")


@flow()
async def unknown_people_and_oneself_cannot_be_added(stage):
    alice = await stage.person("alice")
    await alice.ask(606, 405, pseudo=stage.name("nobody"))
    await alice.ask(606, 405, pseudo=alice.pseudo)


@flow()
async def asking_twice_is_refused(stage):
    alice, bob = await stage.people("alice", "bob")
    await alice.ask(606, 205, pseudo=bob.pseudo)
    await alice.ask(606, 407, pseudo=bob.pseudo)
    await bob.ask(606, 205, pseudo=alice.pseudo)
    await alice.ask(606, 407, pseudo=bob.pseudo)
    await bob.ask(606, 407, pseudo=alice.pseudo)


@flow()
async def a_request_is_declined(stage):
    alice, bob = await stage.people("alice", "bob")
    await alice.ask(606, 205, pseudo=bob.pseudo)
    same((await bob.ask(607, 206, pseudo=alice.pseudo))["pseudo"], alice.pseudo)
    await alice.told(206, pseudo=bob.pseudo)
    await alice.ask(607, 406, pseudo=bob.pseudo)


@flow()
async def a_request_is_withdrawn(stage):
    alice, bob = await stage.people("alice", "bob")
    await alice.ask(606, 205, pseudo=bob.pseudo)
    await alice.ask(607, 206, pseudo=bob.pseudo)
    await bob.told(206, pseudo=alice.pseudo)
    same((await bob.ask(606, 205, pseudo=alice.pseudo))["status"], "pending")


@flow()
async def a_contact_is_removed_on_both_sides(stage):
    alice, bob = await stage.friends("alice", "bob")
    second = await stage.again(bob)
    await alice.ask(607, 206, pseudo=bob.pseudo)
    for session in (bob, second):
        await session.told(206, pseudo=alice.pseudo)
    again = await stage.connect()
    same((await again.login(bob.pseudo))[1], [])
    await second.close()
    await again.close()
    await bob.close()
    await alice.silent(202, pseudo=bob.pseudo)


@flow()
async def removing_somebody_who_is_no_contact_is_refused(stage):
    alice, bob = await stage.people("alice", "bob")
    await alice.ask(607, 406, pseudo=bob.pseudo)
    await alice.ask(607, 406, pseudo=stage.name("nobody"))
    await alice.ask(607, 406, pseudo=alice.pseudo)


@flow()
async def a_group_is_created_and_somebody_added(stage):
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    second = await stage.again(alice)
    group = await alice.ask(603, 201, group_name="  Sunday hikers ")
    same((group["group_name"], group["list_pseudo"], group["creator"]),
         ("Sunday hikers", [alice.pseudo], alice.pseudo))
    id_group = group["id_group"]
    true(1 <= len(id_group) <= 64, "an id of 1 to 64 characters")
    await second.told(201, id_group=id_group)
    dates = [group["last_update_date"]]
    members = [alice.pseudo]
    for person in (bob, carol):
        members.append(person.pseudo)
        group = await alice.ask(604, 201, id_group=id_group, pseudo=person.pseudo)
        same(group["list_pseudo"], members)
        dates.append(group["last_update_date"])
        await second.told(203, id_group=id_group, pseudo=person.pseudo)
        await person.settled()
        kinds = [frame["type"] for frame in person.inbox]
        same(kinds, [203, 201])
        await person.told(203, id_group=id_group, pseudo=person.pseudo)
        same((await person.told(201, id_group=id_group))["list_pseudo"], members)
    await bob.told(203, id_group=id_group, pseudo=carol.pseudo)
    same(dates, sorted(set(dates)))


@flow()
async def who_is_unknown_or_a_member_already_is_not_added_to_a_group(stage):
    alice, bob = await stage.friends("alice", "bob")
    id_group = await stage.group(alice, bob)
    for pseudo in (stage.name("nobody"), bob.pseudo, alice.pseudo):
        await alice.ask(604, 405, id_group=id_group, pseudo=pseudo)
    await bob.silent(203)


@flow()
async def only_members_add_and_only_their_contacts(stage):
    alice, bob = await stage.friends("alice", "bob")
    carol, dave = await stage.friends("carol", "dave")
    id_group = await stage.group(alice, bob)
    await alice.ask(604, 451, id_group=id_group, pseudo=carol.pseudo)
    await carol.ask(606, 205, pseudo=alice.pseudo)
    await alice.ask(604, 451, id_group=id_group, pseudo=carol.pseudo)
    refusals = []
    for group in (id_group, "no-such-group"):
        frame = await carol.request(604, id_group=group, pseudo=dave.pseudo)
        del frame["re"]
        refusals.append(frame)
    same(refusals[0]["type"], 451)
    same(refusals[0], refusals[1])
    await bob.ask(606, 205, pseudo=dave.pseudo)
    await dave.ask(606, 205, pseudo=bob.pseudo)
    await bob.ask(604, 201, id_group=id_group, pseudo=dave.pseudo)
    await alice.told(203, id_group=id_group, pseudo=dave.pseudo)


@flow()
async def a_member_leaves(stage):
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    id_group = await stage.group(alice, bob, carol)
    second = await stage.again(bob)
    left = await bob.ask(605, 204, id_group=id_group, pseudo=bob.pseudo)
    same((left["id_group"], left["pseudo"]), (id_group, bob.pseudo))
    for person in (alice, carol, second):
        await person.told(204, id_group=id_group, pseudo=bob.pseudo)
    await bob.ask(605, 451, id_group=id_group, pseudo=bob.pseudo)
    await alice.ask(604, 201, id_group=id_group, pseudo=bob.pseudo)


@flow()
async def only_the_creator_removes_others(stage):
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    id_group = await stage.group(alice, bob, carol)
    await bob.ask(605, 451, id_group=id_group, pseudo=carol.pseudo)
    await bob.ask(605, 451, id_group=id_group, pseudo=alice.pseudo)
    await alice.ask(605, 204, id_group=id_group, pseudo=carol.pseudo)
    for person in (bob, carol):
        await person.told(204, id_group=id_group, pseudo=carol.pseudo)
    await carol.ask(605, 451, id_group=id_group, pseudo=carol.pseudo)


@flow()
async def when_the_creator_leaves_the_longest_standing_member_follows(stage):
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    id_group = await stage.group(alice, bob, carol)
    await alice.ask(605, 204, id_group=id_group, pseudo=alice.pseudo)
    for person in (bob, carol):
        await person.told(204, id_group=id_group, pseudo=alice.pseudo)
        group = await person.told(201, id_group=id_group)
        same((group["creator"], group["list_pseudo"]), (bob.pseudo, [bob.pseudo, carol.pseudo]))
    await bob.ask(605, 204, id_group=id_group, pseudo=carol.pseudo)
    await bob.ask(605, 204, id_group=id_group, pseudo=bob.pseudo)
    again = await stage.connect()
    same((await again.login(bob.pseudo))[2], [])
    await bob.ask(604, 451, id_group=id_group, pseudo=alice.pseudo)
