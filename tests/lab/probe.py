"""What RFC 5780 finds out about a NAT, and whether two can be punched, with sockets alone.

Run as a process in a namespace: `probe.py serve` on the server's machine, `probe.py ask` and
`probe.py punch` on a client's. It speaks a protocol of its own: the lab has to be proven by
something that shares no code with what is tested in it.
"""

import argparse
import json
import select
import socket
import sys
import time

PORTS = (3478, 3479)
TRIES = 3
PATIENCE = 0.3
PUNCH_INTERVAL = 0.05


def udp(host, port=0):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.bind((host, port))
    return made


def serve(hosts):
    """Tells everybody the address they came from, out of the socket that they ask for."""
    sockets = {(host, port): udp(host, port) for host in hosts for port in PORTS}
    listeners = []
    for host in hosts:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listeners.append(socket.create_server((host, PORTS[0]), family=family))
    print("ready", flush=True)
    while True:
        readable, _, _ = select.select([*sockets.values(), *listeners], [], [])
        for one in readable:
            if one in listeners:
                one.accept()[0].close()
                continue
            payload, source = one.recvfrom(2048)
            asked = json.loads(payload)
            answer = json.dumps({"id": asked["id"], "mapped": source[:2]}).encode()
            sockets[tuple(asked["from"])].sendto(answer, source)


class Question:
    """One socket of a client, asking servers."""

    def __init__(self, local):
        self.socket = udp(local)
        self.asked = 0

    def mapped(self, to, answer_from=None):
        """The own address as `to` sees it, told from `answer_from`; nothing without an answer."""
        self.asked += 1
        text = json.dumps({"id": self.asked, "from": answer_from or to}).encode()
        for _ in range(TRIES):
            try:
                self.socket.sendto(text, to)
            except OSError:
                return None
            until = time.monotonic() + PATIENCE
            while (wait := until - time.monotonic()) > 0:
                self.socket.settimeout(wait)
                try:
                    answer = json.loads(self.socket.recv(2048))
                except (TimeoutError, ConnectionError):
                    break
                if answer["id"] == self.asked:
                    return tuple(answer["mapped"])
        return None


def ask(local, hosts):
    """Mapping (RFC 5780, section 4.3), filtering (section 4.4), and whether TCP gets through."""
    first, second = hosts
    question = Question(local)
    here = (local, question.socket.getsockname()[1])
    one = question.mapped((first, PORTS[0]))
    if one is None:
        mapping = filtering = "UDP blocked"
    else:
        two = question.mapped((second, PORTS[0]))
        three = question.mapped((second, PORTS[1]))
        if one == two == three == here:
            mapping = "none"
        elif one == two == three:
            mapping = "endpoint-independent"
        else:
            mapping = "address-dependent" if two == three else "address and port-dependent"
        # A socket of its own: the one above has been let in by every address already.
        question = Question(local)
        home = (first, PORTS[0])
        question.mapped(home)
        if question.mapped(home, (second, PORTS[1])):
            filtering = "endpoint-independent"
        elif question.mapped(home, (first, PORTS[1])):
            filtering = "address-dependent"
        else:
            filtering = "address and port-dependent"
    try:
        socket.create_connection((first, PORTS[0]), 1).close()
        tcp = True
    except OSError:
        tcp = False
    print(json.dumps({"mapping": mapping, "filtering": filtering, "tcp": tcp}), flush=True)


def punch(local, server, seconds):
    """Tells its mapped address on stdout, is told the peer's on stdin, and tries. As an ICE agent
    would, it answers where packets come from, whatever it was told."""
    question = Question(local)
    mapped = question.mapped((server, PORTS[0]))
    own = question.socket.getsockname()[:2]
    print(json.dumps({"mapped": mapped, "host": [local, own[1]]}), flush=True)
    remotes = [tuple(remote) for remote in json.loads(sys.stdin.readline()) if remote]
    answered = False
    until = time.monotonic() + seconds
    due = 0.0
    while time.monotonic() < until:
        if time.monotonic() >= due:
            due = time.monotonic() + PUNCH_INTERVAL
            for remote in remotes:
                send(question.socket, b"check", remote)
        question.socket.settimeout(max(0.001, due - time.monotonic()))
        try:
            payload, source = question.socket.recvfrom(2048)
        except (TimeoutError, OSError):
            continue
        if payload == b"check":
            send(question.socket, b"answer", source)
            if source[:2] not in remotes:
                remotes.append(source[:2])
        elif payload == b"answer" and not answered:
            # Not the end: the peer may need ours still.
            answered = True
            until = min(until, time.monotonic() + 4 * PUNCH_INTERVAL)
    print(json.dumps({"answered": answered}), flush=True)


def send(through, payload, remote):
    try:
        through.sendto(payload, remote)
    except OSError:
        # No route to such an address, or an ICMP error of an earlier packet.
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, needs_local in (("serve", False), ("ask", True), ("punch", True)):
        command = commands.add_parser(name)
        command.add_argument("--servers", nargs="+", required=True)
        if needs_local:
            command.add_argument("--local", required=True)
        if name == "punch":
            command.add_argument("--seconds", type=float, default=1.5)
    options = parser.parse_args()
    if options.command == "serve":
        serve(options.servers)
    elif options.command == "ask":
        ask(options.local, options.servers)
    else:
        punch(options.local, options.servers[0], options.seconds)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
