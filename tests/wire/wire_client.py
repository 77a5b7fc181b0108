"""A Cooee client that knows nothing but docs/PROTOCOL.md: WebSocket, JSON and HTTP."""

import asyncio
import http.client
import itertools
import json
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
from urllib.parse import urlsplit

from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed

PATIENCE = 10.0
PASSWORD = "correct horse battery"


class Surprise(AssertionError):
    """The server said something else than the specification."""


class Gone(Surprise):
    """The connection ended while something was waited for."""


class WireClient:
    """One connection. Frames wait in `inbox`, in the order of their arrival, until asked for."""

    def __init__(self, socket, pseudo=None):
        self.socket = socket
        self.pseudo = pseudo
        self.token = None
        self.stun = []
        self.inbox = []
        self.closed = False
        self._numbers = itertools.count(1)
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, url, **options):
        return cls(await open_websocket(url, compression=None, max_size=2**22, **options))

    async def _read(self):
        try:
            async for text in self.socket:
                frame = json.loads(text)
                async with self._news:
                    self.inbox.append(frame)
                    self._news.notify_all()
        except ConnectionClosed:
            pass
        finally:
            async with self._news:
                self.closed = True
                self._news.notify_all()

    async def close(self):
        await self.socket.close()
        await self._reader

    async def drop(self):
        """Breaks the connection without a word, as a lost network does."""
        self.socket.transport.abort()
        await self._reader

    async def wait_closed(self, timeout=PATIENCE):
        """Waits until the server has closed; the close code."""
        async with asyncio.timeout(timeout):
            await self.socket.wait_closed()
            await self._reader
        return self.socket.close_code

    async def send_text(self, text):
        await self.socket.send(text)

    async def send(self, code, **args):
        """Sends a request and returns its number."""
        seq = next(self._numbers)
        await self.send_text(json.dumps({"type": code, "seq": seq, "args": args}))
        return seq

    async def _take(self, wanted, what, timeout):
        """Takes the first frame that `wanted` accepts out of the inbox, waiting for it."""
        try:
            async with asyncio.timeout(timeout):
                async with self._news:
                    while True:
                        for frame in self.inbox:
                            if wanted(frame):
                                self.inbox.remove(frame)
                                return frame
                        if self.closed:
                            raise Gone(f"{self.pseudo}: closed while waiting for {what}; "
                                       f"inbox {self.inbox}")
                        await self._news.wait()
        except TimeoutError:
            raise Surprise(f"{self.pseudo}: no {what}; inbox {self.inbox}") from None

    async def answer(self, seq, timeout=PATIENCE):
        """The first answer to request `seq`."""
        return await self._take(lambda frame: frame.get("re") == seq, f"answer {seq}", timeout)

    async def request(self, code, **args):
        """Sends a request; its answer."""
        return await self.answer(await self.send(code, **args))

    async def ask(self, code, expect, **args):
        """Sends a request whose answer has the type `expect`; the answer's arguments."""
        frame = await self.request(code, **args)
        if frame["type"] != expect:
            raise Surprise(f"{self.pseudo}: {code} {args} drew {frame} instead of {expect}")
        return frame.get("args", frame)

    async def told(self, code, timeout=PATIENCE, **fields):
        """Waits for a notification with these arguments; all of its arguments."""

        def wanted(frame):
            args = frame.get("args", frame)
            return (frame["type"] == code and "re" not in frame
                    and all(args.get(name) == value for name, value in fields.items()))

        frame = await self._take(wanted, f"{code} {fields}", timeout)
        return frame.get("args", frame)

    async def settled(self):
        """Waits until all that the server had to say before now is in the inbox: requests are
        answered in order, and this one changes nothing. The notifications that are there."""
        await self.ask(607, 406, pseudo="nobody.of.this.name")
        return [(frame["type"], frame.get("args", {})) for frame in self.inbox]

    async def silent(self, code, **fields):
        """Checks that no such notification came."""
        for kind, args in await self.settled():
            if kind == code and all(args.get(name) == value for name, value in fields.items()):
                raise Surprise(f"{self.pseudo}: was told {kind} {args}")

    async def _logged_in(self, seq):
        profile = await self.answer(seq)
        if profile["type"] != 202:
            raise Surprise(f"{self.pseudo}: the registration drew {profile}")
        args = profile["args"]
        self.pseudo, self.token, self.stun = args["pseudo"], args["token"], args.get("stun", [])
        return args

    async def register(self, pseudo, password=PASSWORD):
        self.pseudo = pseudo
        return await self._logged_in(await self.send(601, pseudo=pseudo, password=password))

    async def login(self, pseudo, password=PASSWORD):
        self.pseudo = pseudo
        return await self._login(await self.send(608, pseudo=pseudo, password=password))

    async def resume(self, token):
        return await self._login(await self.send(650, token=token))

    async def _login(self, seq):
        """Profile, contacts and groups, which come in this order."""
        frames = [await self.answer(seq)]
        if frames[0]["type"] == 202:
            frames += [await self.answer(seq), await self.answer(seq)]
        if [frame["type"] for frame in frames] != [202, 208, 207]:
            raise Surprise(f"{self.pseudo}: the login drew {frames}")
        profile, contacts, groups = (frame["args"] for frame in frames)
        self.pseudo, self.token = profile["pseudo"], profile["token"]
        self.stun = profile.get("stun", [])
        return profile, contacts["list_contact"], groups["list_group"]


class Server:
    """A server of its own on free ports, and on a temporary folder unless one is given."""

    def __init__(self, binary, *options, folder=None, listen="127.0.0.1:0"):
        self.folder = folder or tempfile.TemporaryDirectory(prefix="cooee-wire-")
        self.data = os.path.join(self.folder.name, "data")
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("COOEE_")}
        self._log = os.path.join(self.folder.name, "log")
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(
                [binary, "--data", self.data, "--listen", listen, "--stun", "127.0.0.1:0",
                 *options],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment)
        pattern = re.compile(r"listening on (ws://\S+)(?:\s+stun (\S+))?")
        for line in self.process.stdout:
            if ready := pattern.search(line.decode()):
                self.url, self.stun = ready.groups()
                return
        raise Surprise(f"the server did not start:\n{self.log()}")

    def log(self):
        """The end of what it wrote to its standard error, while the folder is there."""
        try:
            with open(self._log, errors="replace") as log:
                return log.read()[-4000:]
        except FileNotFoundError:
            return ""

    def resident_kib(self):
        """The resident memory of the server in KiB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def stop(self, timeout=10.0, keep=False):
        """Asks it to stop; its exit status. The folder goes unless it is to be kept."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process.stdout.close()
        if not keep:
            self.folder.cleanup()
        return status


def http_request(url, method, path, body=None, token=None):
    """An HTTP request beside the WebSocket at `url`: status, media type, body."""
    status, headers, answer = http_exchange(url, method, path, body, token)
    return status, headers["Content-Type"], answer


def http_exchange(url, method, path, body=None, token=None, more=None):
    """The same with headers `more`: status, headers, body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE)
    try:
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **(more or {})}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


MAGIC_COOKIE = 0x2112A442


def stun_binding(server):
    """A STUN binding request (RFC 8489) to `(host, port)`: own address, and the reflected one."""
    transaction = os.urandom(12)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(PATIENCE)
        udp.connect(server)
        udp.send(struct.pack("!HHI", 0x0001, 0, MAGIC_COOKIE) + transaction)
        answer = udp.recv(1500)
        own = udp.getsockname()
    kind, length, cookie = struct.unpack_from("!HHI", answer)
    if (kind, cookie, answer[8:20]) != (0x0101, MAGIC_COOKIE, transaction):
        raise Surprise(f"not the binding response: {answer.hex()}")
    at = 20
    while at < 20 + length:
        attribute, size = struct.unpack_from("!HH", answer, at)
        if attribute == 0x0020:
            port, address = struct.unpack_from("!HI", answer, at + 6)
            text = socket.inet_ntoa(struct.pack("!I", address ^ MAGIC_COOKIE))
            return own, (text, port ^ (MAGIC_COOKIE >> 16))
        at += 4 + (size + 3) // 4 * 4
    raise Surprise("no XOR-MAPPED-ADDRESS")
