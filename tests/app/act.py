"""What people do in the window, in their words."""

PASSWORD = "correct horse battery"


def sign_up(person, server, name=None):
    window = person.browser
    window.type("textbox", "Server", server)
    window.click("button", "Continue")
    fill_profile(person, PASSWORD, name)
    wait_home(person)


def fill_profile(person, password, name=None):
    window = person.browser
    window.wait("heading", "Create your profile")
    window.type("textbox", "Name", name or person.name)
    window.type("textbox", "Password", password)
    window.click("button", "Create profile")


def sign_in(person, server, name, password):
    window = person.browser
    window.type("textbox", "Server", server)
    window.click("button", "Continue")
    window.wait("heading", "Create your profile")
    window.click("button", "Sign in")
    window.wait("heading", "Sign in")
    window.type("textbox", "Name", name)
    window.type("textbox", "Password", password)
    window.click("button", "Sign in")


def wait_home(person, patience=30):
    """Signed in: the main areas are there."""
    person.browser.wait("any", "People", patience)


def go(person, tab):
    person.browser.click("any", tab)


def befriend(one, other):
    """One asks, the other confirms, both see it."""
    go(one, "People")
    one.browser.click("button", "Add somebody")
    one.browser.type("textbox", "Name or invitation link", other.name)
    one.browser.click("button", "Add")
    go(other, "People")
    other.browser.click("button", f"Confirm {one.name}")
    for person, friend in ((one, other), (other, one)):
        open_person(person, friend)


def open_person(person, friend):
    """Goes to a contact, who can be called."""
    go(person, "People")
    person.browser.click("button", friend.name)
    person.browser.wait("button", "Call")


def call(caller, callee):
    caller.browser.click("button", "Call")
    callee.browser.wait("button", "Answer")


def wait_connected(person, patience=30):
    """The call shows how it is doing, which it only knows once somebody is reached."""
    person.browser.until(lambda: any(word in person.browser.text() for word in ("Direct", "By way of")),
                         "route of the call", patience)


def wait_muted(person, muted=True):
    text = "You are muted"
    person.browser.until(lambda: (text in person.browser.text()) == muted, f"“{text}”: {muted}")


def dismiss(person):
    """Puts a call that is over out of sight."""
    person.browser.click("button", "Close")


def dismiss_if_over(person):
    """Puts a call out of sight that has ended by itself and is still shown."""
    if person.browser.find("button", "Close"):
        dismiss(person)


def make_group(person, name, people):
    go(person, "Groups")
    person.browser.click("button", "New group")
    person.browser.type("textbox", "Name of the group", name)
    for one in people:
        person.browser.click("checkbox", one.name)
    person.browser.click("button", "Create")


def open_group(person, name):
    go(person, "Groups")
    person.browser.click("any", name)


def hang_up_if_on(person):
    if person.browser.find("button", "Hang up"):
        person.browser.click("button", "Hang up")


def write(person, text):
    """Into the conversation that is open."""
    person.browser.type("textbox", "Message", text)
    person.browser.click("button", "Send")
