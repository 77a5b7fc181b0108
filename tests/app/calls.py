"""Stories of calls."""

import re

import act
from hearing import must_hear, must_not_hear, sentence
from webdriver import Failure


def two(stage, prepare=None):
    """Alice and Bob at their desktops, each with a profile, and contacts; before that, what Alice's is to be like."""
    server = stage.serve()
    alice, bob = stage.person("alice"), stage.person("bob")
    if prepare:
        prepare(alice)
    for person in (alice, bob):
        person.open()
        act.sign_up(person, server.url)
    act.befriend(alice, bob)
    return alice, bob


def first_call(stage):
    """two people sign up, befriend, call, hear each other, mute, hang up"""
    alice, bob = two(stage)
    act.call(alice, bob)
    bob.browser.click("button", "Answer")
    for person in (alice, bob):
        person.browser.wait("button", "Hang up")
        act.wait_connected(person)
    to_bob, from_alice = sentence(stage, "alice", "alice")
    to_alice, from_bob = sentence(stage, "bob", "bob")
    must_hear(stage, alice, bob, to_bob, from_alice)
    must_hear(stage, bob, alice, to_alice, from_bob)
    alice.browser.click("button", "Mute")
    act.wait_muted(alice)
    must_not_hear(stage, alice, bob, to_bob)
    must_hear(stage, bob, alice, to_alice, from_bob)
    alice.browser.click("button", "Mute")
    act.wait_muted(alice, muted=False)
    must_hear(stage, alice, bob, to_bob, from_alice)
    bob.browser.click("button", "Hang up")
    for person in (alice, bob):
        person.browser.wait_gone("button", "Hang up")
        must_not_log_addresses(person)


# Of any kind, and the scheme of a server's.
ADDRESS = re.compile(r"\b\d{1,3}(\.\d{1,3}){3}\b|\b[0-9a-f]{1,4}(:[0-9a-f]{0,4}){3,7}\b|wss?://")


def must_not_log_addresses(person):
    log = person.log()
    if "the page is there" not in log:
        raise Failure(f"{person.name}'s log was not found")
    if told := [line for line in log.splitlines() if ADDRESS.search(line)]:
        raise Failure(f"{person.name}'s log has addresses: {told[:3]}")


def not_answered(stage):
    """a call that is declined and one that is missed end with their reasons, and are remembered"""
    alice, bob = two(stage)
    act.call(alice, bob)
    bob.browser.click("button", "Decline")
    alice.browser.wait_text("Declined")
    bob.browser.wait_gone("button", "Answer")
    act.dismiss(alice)
    act.call(alice, bob)
    alice.browser.click("button", "Cancel call")
    bob.browser.wait_gone("button", "Answer")
    act.go(bob, "Chats")
    bob.browser.wait_text("Missed call")


def restart(stage):
    """the app that is started again signs in from the keyring, and the next call works"""
    alice, bob = two(stage)
    for person in (alice, bob):
        person.leave()
    alice.open()
    act.wait_home(alice)
    # The keyring outlives the desktop session, too.
    bob.stand_up()
    bob.open()
    act.wait_home(bob)
    act.open_person(alice, bob)
    alice.browser.wait_text("Online")
    act.call(alice, bob)
    bob.browser.click("button", "Answer")
    for person in (alice, bob):
        act.wait_connected(person)
    alice.browser.click("button", "Hang up")
    bob.browser.wait_gone("button", "Hang up")


def group_of_three(stage):
    """a group of three: everybody hears everybody"""
    alice, bob = two(stage)
    carol = stage.person("carol")
    carol.open()
    act.sign_up(carol, stage.server.url)
    act.befriend(alice, carol)
    act.make_group(alice, "hikers", [bob, carol])
    act.open_group(alice, "hikers")
    alice.browser.click("button", "Call everybody")
    for person in (bob, carol):
        person.browser.click("button", "Answer")
    for person in (alice, bob, carol):
        act.wait_connected(person)
    path, said = sentence(stage, "alice", "alice")
    for speaker in (alice, bob, carol):
        for listener in (alice, bob, carol):
            if speaker is not listener:
                must_hear(stage, speaker, listener, path, said)
    for person in (carol, bob, alice):
        person.browser.click("button", "Hang up")


STORIES = {"first-call": first_call, "not-answered": not_answered, "restart": restart,
           "group-of-three": group_of_three}
