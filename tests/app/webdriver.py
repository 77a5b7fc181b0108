"""A W3C WebDriver client, as much of it as these tests need."""

import json
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Failure(Exception):
    """Something did not happen as it must."""


# Finds what a person sees: by role and name, as a screen reader would, and only if it is shown.
FIND = """
const [role, name, within] = arguments;
const roles = {
  button: 'button,[role=button],summary', textbox: 'input:not([type=checkbox]):not([type=radio]):not([type=range]),textarea,[role=textbox]',
  checkbox: 'input[type=checkbox],[role=checkbox],[role=switch]', link: 'a,[role=link]', heading: 'h1,h2,h3,h4,[role=heading]',
  tab: '[role=tab]', slider: 'input[type=range],[role=slider]', alert: '[role=alert]', any: '*',
};
const clean = (text) => (text || '').replace(/\\s+/g, ' ').trim();
// What a screen reader would read of it: nothing that is hidden from it.
const read = (node) => {
  if (node.nodeType === 3) return node.data;
  if (node.nodeType !== 1 || node.getAttribute('aria-hidden') === 'true') return '';
  if (node.getAttribute('aria-label')) return node.getAttribute('aria-label');
  return [...node.childNodes].map(read).join(' ');
};
const named = (element) => {
  const label = element.getAttribute('aria-label');
  if (label) return clean(label);
  const by = element.getAttribute('aria-labelledby');
  if (by) return clean(by.split(' ').map((id) => document.getElementById(id)?.textContent).join(' '));
  if (element.labels && element.labels.length) return clean([...element.labels].map(read).join(' '));
  return clean(read(element)) || clean(element.getAttribute('title')) || clean(element.getAttribute('placeholder'));
};
const shown = (element) => {
  const box = element.getBoundingClientRect();
  return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility !== 'hidden';
};
const all = [...(within || document).querySelectorAll(roles[role] || `[role=${role}]`)].filter(shown);
const exact = all.filter((element) => named(element) === name);
if (exact.length) return exact[exact.length - 1];
const part = all.filter((element) => named(element).startsWith(name));
return part.length ? part[part.length - 1] : null;
"""


class Browser:
    """One session of a driver, which is one run of the app."""

    def __init__(self, port, application, arguments=()):
        self.root = f"http://127.0.0.1:{port}"
        capabilities = {"browserName": "wry",
                        "tauri:options": {"application": str(application), "args": list(arguments)}}
        answer = self._send("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}}, patience=90)
        self.session = f"/session/{answer['sessionId']}"

    def _send(self, method, path, body=None, patience=60):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=patience) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            raise Failure(f"{method} {path}: {text[:500]}") from None
        except OSError as error:
            raise Failure(f"{method} {path}: {error}") from None

    def run(self, script, *arguments):
        return self._send("POST", f"{self.session}/execute/sync", {"script": script, "args": list(arguments)})

    def text(self):
        return self.run("return document.body.innerText")

    def find(self, role, name):
        found = self.run(FIND, role, name, None)
        return found and found[ELEMENT]

    def wait(self, role, name, patience=20):
        """The element, as soon as it is there."""
        return self.until(lambda: self.find(role, name), f"{role} “{name}”", patience)

    def wait_text(self, text, patience=20):
        self.until(lambda: text in self.text(), f"the text “{text}”", patience)

    def wait_gone(self, role, name, patience=20):
        self.until(lambda: not self.find(role, name), f"no {role} “{name}” any more", patience)

    def until(self, found, what, patience=20):
        """Asks again until there is an answer. A page that is being drawn anew is asked once more."""
        end = time.monotonic() + patience
        problem = None
        while time.monotonic() < end:
            try:
                answer = found()
                if answer:
                    return answer
            except Failure as error:
                problem = error
            time.sleep(0.1)
        shown = ""
        try:
            shown = self.text()
        except Failure as error:
            problem = error
        raise Failure(f"no {what} within {patience} s" + (f" ({problem})" if problem else "") +
                      f"; the window says:\n{shown[:1500]}")

    def click(self, role, name, patience=20):
        """Clicks, as soon as that is possible: an element may be replaced between finding and clicking."""
        def clicked():
            element = self.find(role, name)
            if not element:
                return False
            self._send("POST", f"{self.session}/element/{element}/click", {})
            return True
        self.until(clicked, f"{role} “{name}” to click", patience)

    def choose_file(self, path):
        """Chooses a file as the window's one field for files has it chosen."""
        element = self.run("return document.querySelector('input[type=file]')")
        self._send("POST", f"{self.session}/element/{element[ELEMENT]}/value", {"text": str(path)})

    def press(self, role, name, keys):
        """Presses keys where the focus is given first."""
        element = self.wait(role, name)
        self._send("POST", f"{self.session}/element/{element}/value", {"text": keys})

    def picture_of(self, element):
        """How an element looks, as a PNG in base64."""
        return self._send("GET", f"{self.session}/element/{element}/screenshot")

    def type(self, role, name, text):
        element = self.wait(role, name)
        self._send("POST", f"{self.session}/element/{element}/clear", {})
        self._send("POST", f"{self.session}/element/{element}/value", {"text": text})

    def screenshot(self):
        """PNG in base64."""
        return self._send("GET", f"{self.session}/screenshot")

    def quit(self):
        self._send("DELETE", self.session)
