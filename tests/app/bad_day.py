"""Stories of a bad day: each says what to do, and the app goes on when it can."""

import act
from calls import two
from hearing import must_hear, must_not_hear, sentence

YEAR = 365 * 24 * 3600
CERTIFICATE = "Check that your device’s date and time are right"
DISK_FULL = "The disk is full. Free some space"


def wrong_address(stage):
    """a wrong address, then one where nobody answers: each says so, and the right one works"""
    server = stage.serve()
    alice = stage.person("alice")
    alice.open()
    window = alice.browser
    window.type("textbox", "Server", "not a server")
    window.click("button", "Continue")
    window.wait_text("This is not the address of a server")
    window.type("textbox", "Server", "ws://127.0.0.1:9")
    window.click("button", "Continue")
    act.fill_profile(alice, act.PASSWORD)
    window.wait_text("The server does not answer")
    window.click("button", "Other server")
    act.sign_up(alice, server.url)


def wrong_password(stage):
    """a wrong password says so and leaves the rest as it was typed"""
    server = stage.serve()
    alice = stage.person("alice")
    alice.open()
    act.sign_up(alice, server.url)
    bob = stage.person("bob")
    bob.open()
    act.sign_in(bob, server.url, "alice", "not the password")
    bob.browser.wait_text("The name or the password is wrong")
    bob.browser.type("textbox", "Password", act.PASSWORD)
    bob.browser.click("button", "Sign in")
    act.wait_home(bob)


def server_stops(stage):
    """the server stops: the app says so, and is back by itself when the server is"""
    alice, bob = two(stage)
    stage.server.stop()
    for person in (alice, bob):
        person.browser.wait_text("Offline", patience=40)
    stage.serve()
    for person in (alice, bob):
        act.go(person, "People")
        person.browser.until(lambda: "Offline" not in person.browser.text(), "connection again", 60)
    act.open_person(alice, bob)
    alice.browser.wait_text("Online", patience=40)
    act.call(alice, bob)
    alice.browser.click("button", "Cancel call")


def no_keyring(stage):
    """without a usable keyring the app says so and signs in for this time only"""
    server = stage.serve()
    alice = stage.person("alice")
    alice.sit_down(keyring="none")
    alice.open()
    window = alice.browser
    window.type("textbox", "Server", server.url)
    window.click("button", "Continue")
    # A desktop may start a keyring by itself that nobody has unlocked.
    window.until(lambda: any(words in window.text() for words in ("has no keyring", "keyring is locked")),
                 "words about the keyring")
    act.fill_profile(alice, act.PASSWORD)
    act.wait_home(alice)
    alice.leave()
    alice.open()
    window = alice.browser
    window.wait_text("Sign in again")
    window.type("textbox", "Password", act.PASSWORD)
    window.click("button", "Sign in")
    act.wait_home(alice)


def session_over(stage):
    """the session ends elsewhere: the app says so, keeps what it knows, and signs in again"""
    server = stage.serve()
    alice = stage.person("alice")
    alice.open()
    act.sign_up(alice, server.url)
    stage.terminal("alice", "login", "alice", password=act.PASSWORD)
    stage.terminal("alice", "profile", "--new-password", password=act.PASSWORD, new="another long password")
    window = alice.browser
    window.wait_text("Your session is over. Sign in again.", patience=40)
    window.type("textbox", "Password", "another long password")
    window.click("button", "Sign in")
    act.wait_home(alice)


def no_microphone(stage):
    """a call without a microphone: the app says so, and the next one with it works"""
    alice, bob = two(stage)
    stage.sound.unload(alice.devices["mic"])
    act.call(alice, bob)
    bob.browser.click("button", "Answer")
    alice.browser.until(
        lambda: any(words in alice.browser.text() for words in
                    ("No microphone: the others do not hear you", "Microphone or loudspeaker stopped working")),
        "words about the microphone", 40)
    act.hang_up_if_on(alice)
    bob.browser.wait_gone("button", "Hang up", 40)


def keyring_locked(stage):
    """a locked keyring at the start: the app says so, and continues the session once it is unlocked"""
    server = stage.serve()
    alice = stage.person("alice")
    alice.open()
    act.sign_up(alice, server.url)
    alice.stand_up()
    alice.sit_down(keyring="locked")
    alice.open()
    alice.dismiss_prompt()
    alice.browser.wait_text("Your keyring is locked. Unlock it, then try again", patience=40)
    alice.unlock()
    alice.browser.click("button", "Try again")
    act.wait_home(alice)


def microphone_removed(stage):
    """the microphone is pulled out in mid-call: the app says so, the call goes on, and it is back with it"""
    alice, bob = two(stage)
    act.call(alice, bob)
    bob.browser.click("button", "Answer")
    for person in (alice, bob):
        act.wait_connected(person)
    to_bob, from_alice = sentence(stage, "alice", "alice")
    to_alice, from_bob = sentence(stage, "bob", "bob")
    must_hear(stage, alice, bob, to_bob, from_alice)
    stage.sound.unload(alice.devices["mic"])
    alice.browser.wait_text("No microphone: the others do not hear you", patience=40)
    must_hear(stage, bob, alice, to_alice, from_bob)
    must_not_hear(stage, alice, bob, to_bob)
    alice.plug_in_microphone()
    alice.browser.until(lambda: "No microphone" not in alice.browser.text(), "microphone again", 40)
    must_hear(stage, alice, bob, to_bob, from_alice)
    alice.browser.click("button", "Hang up")
    bob.browser.wait_gone("button", "Hang up")


def disk_full(stage):
    """the disk is full: the app says so, calls work all the same, and it goes on when there is room"""
    alice, bob = two(stage, prepare=lambda alice: alice.buy_small_disk(64))
    alice.browser.click("button", "Message")
    act.write(alice, "there is room")
    act.go(bob, "Chats")
    bob.browser.wait_text("there is room")
    alice.fill_disk()
    act.write(alice, "there is none")
    alice.browser.wait_text(DISK_FULL)
    act.open_person(bob, alice)
    act.call(bob, alice)
    alice.browser.click("button", "Answer")
    for person in (alice, bob):
        act.wait_connected(person)
    to_bob, from_alice = sentence(stage, "alice", "alice")
    must_hear(stage, alice, bob, to_bob, from_alice)
    bob.browser.click("button", "Hang up")
    alice.browser.wait_gone("button", "Hang up")
    # Started again there is no more room than before.
    alice.leave()
    alice.open()
    alice.browser.wait_text(DISK_FULL, patience=40)
    alice.clear_disk()
    alice.browser.click("button", "Try again")
    act.wait_home(alice)
    act.open_person(alice, bob)
    alice.browser.click("button", "Message")
    act.write(alice, "room again")
    act.go(bob, "Chats")
    bob.browser.wait_text("room again")


def clock_off(stage):
    """a clock that is wrong by a year: the app says so where it matters, and goes on when the clock is right"""
    authority, certificate, key = stage.certificate()
    tls = ("--tls-cert", str(certificate), "--tls-key", str(key))
    server = stage.serve(*tls)
    alice, bob = stage.person("alice"), stage.person("bob")
    for person in (alice, bob):
        person.trust(authority)
    alice.set_clock(-YEAR)
    alice.open()
    window = alice.browser
    window.type("textbox", "Server", server.url)
    window.click("button", "Continue")
    act.fill_profile(alice, act.PASSWORD)
    window.wait_text(CERTIFICATE)
    alice.set_clock(0)
    window.click("button", "Create profile")
    act.wait_home(alice)
    bob.open()
    act.sign_up(bob, server.url)
    act.befriend(alice, bob)
    # It goes wrong while the app runs: what needs no certificate goes on.
    alice.set_clock(YEAR)
    alice.browser.click("button", "Message")
    act.write(alice, "what time is it")
    act.go(bob, "Chats")
    bob.browser.wait_text("what time is it")
    act.open_person(alice, bob)
    act.call(alice, bob)
    bob.browser.click("button", "Answer")
    for person in (alice, bob):
        act.wait_connected(person)
    bob.browser.click("button", "Hang up")
    alice.browser.wait_gone("button", "Hang up")
    act.dismiss_if_over(alice)
    stage.server.stop()
    stage.serve(*tls)
    alice.browser.wait_text(CERTIFICATE, patience=60)
    alice.set_clock(0)
    act.go(alice, "People")
    alice.browser.until(lambda: "Offline" not in alice.browser.text(), "connection again", 90)


STORIES = {"wrong-address": wrong_address, "wrong-password": wrong_password, "server-stops": server_stops,
           "no-keyring": no_keyring, "keyring-locked": keyring_locked, "session-over": session_over,
           "no-microphone": no_microphone, "microphone-removed": microphone_removed, "disk-full": disk_full,
           "clock-off": clock_off}
