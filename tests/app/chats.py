"""Stories of what is written."""

import act
from calls import two


def written(stage):
    """what one writes the other reads, also what was written while they were away, and after a restart"""
    alice, bob = two(stage)
    alice.browser.click("button", "Message")
    act.write(alice, "call you in five")
    act.go(bob, "Chats")
    bob.browser.wait_text("call you in five")
    bob.browser.click("button", "alice")
    act.write(bob, "good")
    alice.browser.wait_text("good")
    bob.leave()
    act.write(alice, "never mind")
    bob.open()
    act.wait_home(bob)
    act.go(bob, "Chats")
    bob.browser.wait_text("never mind")
    bob.browser.click("button", "alice")
    for said in ("call you in five", "good", "never mind"):
        bob.browser.wait_text(said)


def written_offline(stage):
    """what is written without the server waits on this device, and goes out by itself"""
    alice, bob = two(stage)
    alice.browser.click("button", "Message")
    act.write(alice, "hello")
    stage.server.stop()
    alice.browser.wait_text("Offline", patience=40)
    act.write(alice, "are you there")
    alice.browser.wait_text("are you there")
    stage.serve()
    act.go(bob, "Chats")
    bob.browser.wait_text("are you there", patience=60)


STORIES = {"written": written, "written-offline": written_offline}
