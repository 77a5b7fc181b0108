"""Stories of pictures."""

import base64
import struct
import zlib

import act
from calls import two
from webdriver import ELEMENT, Failure


def png(path, width, height, colour):
    """Writes a picture; `colour` gives red, green and blue at a place."""
    rows = b"".join(b"\0" + b"".join(bytes(colour(x, y)) for x in range(width)) for y in range(height))

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) +
                     chunk(b"IEND", b""))


def middle(picture):
    """The colour in the middle of a PNG as WebDriver takes them: eight bits, not interlaced."""
    at, packed, width, height, channels = 8, b"", 0, 0, 3
    while at < len(picture):
        length, kind = struct.unpack(">I4s", picture[at:at + 8])
        body = picture[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colours, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            channels = {2: 3, 6: 4}[colours]
            assert depth == 8 and not interlaced
        elif kind == b"IDAT":
            packed += body
        at += length + 12
    data, stride = zlib.decompress(packed), width * channels
    before = bytearray(stride)
    for row in range(height // 2 + 1):
        begin = row * (stride + 1)
        how, line = data[begin], bytearray(data[begin + 1:begin + 1 + stride])
        for x in range(stride):
            left = line[x - channels] if x >= channels else 0
            up, corner = before[x], before[x - channels] if x >= channels else 0
            guess = left + up - corner
            paeth = min((left, up, corner), key=lambda one: abs(guess - one))
            line[x] = (line[x] + (0, left, up, (left + up) // 2, paeth)[how]) & 255
        before = line
    x = width // 2 * channels
    return tuple(before[x:x + 3])


def look(person, where):
    """The colour of a picture that a person sees, and how many pixels the picture has; nothing before it is there."""
    found = person.browser.run(
        "const picture = [...document.querySelectorAll(arguments[0])].find((one) => one.complete && one.naturalWidth);"
        "return picture ? [picture, picture.naturalWidth, picture.naturalHeight] : null", where)
    if not found:
        return None
    element, width, height = found
    return middle(base64.b64decode(person.browser.picture_of(element[ELEMENT]))), width, height


def profile_picture(stage):
    """a picture is cut out by keyboard and set, and the other one sees that part of it and no more"""
    alice, bob = two(stage)
    file = stage.folder / "halves.png"
    # The left third is red, the rest is blue.
    png(file, 900, 600, lambda x, y: (220, 30, 30) if x < 300 else (30, 30, 220))
    act.go(alice, "Settings")
    alice.browser.click("button", "alice")
    alice.browser.wait("button", "Choose picture")
    alice.browser.choose_file(file)
    alice.browser.wait("application", "Visible part")
    # Enlarged to the full and moved to the left edge, only red is left.
    alice.browser.press("application", "Visible part", "+" * 20)
    alice.browser.press("application", "Visible part", "\ue012" * 80)
    alice.browser.click("button", "Use picture")
    alice.browser.wait_gone("button", "Use picture")
    act.go(bob, "People")
    seen = bob.browser.until(lambda: look(bob, "img"), "Alice's picture", 30)
    (red, green, blue), width, height = seen
    if not (red > 150 and green < 90 and blue < 90):
        raise Failure(f"Bob sees {seen[0]} in the middle of Alice's picture, which is red there")
    if width != height or width > 512:
        raise Failure(f"Alice's picture has {width} x {height} pixels, and is a square of 512 at most")


STORIES = {"profile-picture": profile_picture}
