"""Stories of a bad day: each says what to do, and the app goes on when it can."""

import act
from calls import two


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


STORIES = {"wrong-address": wrong_address, "wrong-password": wrong_password, "server-stops": server_stops,
           "no-keyring": no_keyring, "session-over": session_over, "no-microphone": no_microphone}
