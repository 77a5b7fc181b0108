"""The two servers under test, started on loopback, and the least that a client of each needs."""

import base64
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import time
import uuid

PASSWORD = "correct horse battery"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def processor_seconds(pid):
    """What the process has used so far, in user and kernel mode."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Line:
    """One client's connection: bytes out, marks in. Setting up waits; measuring does not."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.read = b""

    def until(self, pattern):
        """Waits for what a regular expression finds, and takes everything up to there."""
        while not (found := re.search(pattern, self.read, re.DOTALL)):
            piece = self.socket.recv(1 << 16)
            if not piece:
                raise SystemExit(f"closed while waiting for {pattern}: {self.read[-300:]}")
            self.read += piece
        self.read = self.read[found.end():]
        return found


class Cooee:
    """Our server: every message stored, and synced to disk, before it is passed on."""

    name = "cooee-server"
    # A message that has arrived, and its number.
    arrived = re.compile(rb'"body":"#(\d+)#')

    def __init__(self, folder, options):
        self.process = subprocess.Popen(
            [options.server_binary, "--data", f"{folder}/cooee", "--listen", "127.0.0.1:0",
             "--stun", "off", "--log", "warn", "--register-burst-address", "10000",
             "--message-rate", "1000000", "--message-burst", "1000000",
             "--post-rate", "1000000", "--post-burst", "1000000", "--max-groups", "10"],
            stdout=subprocess.PIPE)
        line = self.process.stdout.readline().decode()
        self.port = int(re.search(r"ws://127.0.0.1:(\d+)/", line)[1])
        self.pids = [self.process.pid]

    def client(self, name):
        line = Line(self.port)
        line.socket.sendall(b"GET /v1/ws HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\n"
                            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
        line.until(rb"\r\n\r\n")
        line.name = name
        self.ask(line, 601, 202, pseudo=name, password=PASSWORD)
        self.ask(line, 664, 265)
        return line

    @staticmethod
    def frame(code, **args):
        text = json.dumps({"type": code, "seq": 1, "args": args}).encode()
        # Clients mask; a key of zeros leaves the bytes as they are.
        length = bytes([0x80 | len(text)]) if len(text) < 126 else struct.pack("!BH", 0xFE, len(text))
        return b"\x81" + length + bytes(4) + text

    def ask(self, line, code, expect, **args):
        """Sends a request; the arguments of its answer. What is told meanwhile is dropped."""
        line.socket.sendall(self.frame(code, **args))
        while True:
            answer = json.loads(self.next_frame(line))
            if answer.get("re") == 1:
                if answer["type"] != expect:
                    raise SystemExit(f"{code} drew {answer}")
                return answer["args"]

    @staticmethod
    def next_frame(line):
        def take(count):
            while len(line.read) < count:
                line.read += line.socket.recv(1 << 16)
            piece, line.read = line.read[:count], line.read[count:]
            return piece

        kind, length = take(2)
        if length == 126:
            length = int.from_bytes(take(2))
        elif length == 127:
            length = int.from_bytes(take(8))
        payload = take(length)
        return payload if kind == 0x81 else b"{}"

    def befriend(self, one, other):
        self.ask(one, 606, 205, pseudo=other.name)
        self.ask(other, 606, 205, pseudo=one.name)

    def pair(self, one, other):
        self.befriend(one, other)
        return {"pseudo": other.name}

    def group(self, members):
        first, *others = members
        made = self.ask(first, 603, 201, group_name="bench")
        id_group = made["id_group"]
        for other in others:
            self.befriend(first, other)
            self.ask(first, 604, 201, id_group=id_group, pseudo=other.name)
        return {"id_group": id_group}

    def message(self, target, number):
        bits = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10))
        bits = bits & ~(0xF << 76) | 7 << 76
        return self.frame(660, id=str(uuid.UUID(int=bits & ~(3 << 62) | 2 << 62)), kind="message",
                          content_type="text/plain", body=f"#{number}# call you in five", **target)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Prosody:
    """prosody, which keeps what was said nowhere, in files that it does not sync, or in SQLite."""

    KINDS = {"": "prosody, keeping nothing", "internal": "prosody, archive in files, not synced",
             "sql": "prosody, archive in SQLite"}

    arrived = re.compile(rb"<body>#(\d+)#")

    def __init__(self, folder, archive):
        self.name = self.KINDS[archive]
        self.port = free_port()
        self.folder = pathlib.Path(folder) / (archive or "plain")
        self.data = self.folder / "data"
        self.accounts = self.data / "localhost" / "accounts"
        self.accounts.mkdir(parents=True)
        config = self.folder / "prosody.cfg.lua"
        config.write_text(f"""
            run_as_root = true
            pidfile = "{self.folder}/pid"
            data_path = "{self.data}"
            log = {{ warn = "{self.folder}/log" }}
            modules_enabled = {{ "saslauth" {', "mam"' if archive else ''} }}
            modules_disabled = {{ "s2s", "offline" }}
            c2s_ports = {{ {self.port} }}
            c2s_direct_tls_ports = {{}}
            s2s_ports = {{}}
            interfaces = {{ "127.0.0.1" }}
            c2s_require_encryption = false
            allow_unencrypted_plain_auth = true
            authentication = "internal_plain"
            default_storage = "internal"
            storage = {{ archive = "{archive or 'internal'}"; muc_log = "{archive or 'internal'}" }}
            sql = {{ driver = "SQLite3"; database = "archive.sqlite" }}
            default_archive_policy = true
            VirtualHost "localhost"
            Component "rooms.localhost" "muc"
                modules_enabled = {{ {'"muc_mam"' if archive else ''} }}
                muc_room_locking = false
                muc_log_by_default = true
                restrict_room_creation = false
        """)
        self.process = subprocess.Popen(["prosody", "--config", str(config), "-F"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pids = [self.process.pid]
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except ConnectionRefusedError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise SystemExit("prosody did not start") from None
                time.sleep(0.05)

    def client(self, name):
        (self.accounts / f"{name}.dat").write_text(f'return {{ ["password"] = "{PASSWORD}"; }};\n')
        line = Line(self.port)
        line.name = name
        stream = (b"<?xml version='1.0'?><stream:stream to='localhost' xmlns='jabber:client' "
                  b"xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")
        line.socket.sendall(stream)
        line.until(rb"</stream:features>")
        secret = base64.b64encode(f"\0{name}\0{PASSWORD}".encode())
        line.socket.sendall(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
                            + secret + b"</auth>")
        line.until(rb"<success[^>]*>")
        line.socket.sendall(stream)
        line.until(rb"</stream:features>")
        line.socket.sendall(b"<iq type='set' id='bind'>"
                            b"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        line.until(rb"</iq>")
        line.socket.sendall(b"<presence/>")
        line.until(rb"<presence[^>]*(/>|>.*?</presence>)")
        return line

    def pair(self, one, other):
        return f"to='{other.name}@localhost' type='chat'"

    def group(self, members):
        for member in members:
            member.socket.sendall(
                f"<presence to='bench@rooms.localhost/{member.name}'>"
                "<x xmlns='http://jabber.org/protocol/muc'/></presence>".encode())
            # One's own presence is the last of those that one gets.
            member.until(rb"code='110'")
        return "to='bench@rooms.localhost' type='groupchat'"

    def message(self, target, number):
        return (f"<message {target} id='{uuid.uuid4()}'>"
                f"<body>#{number}# call you in five</body></message>").encode()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
