"""Packets like those of voice, there and back: what a link makes of them."""

import argparse
import contextlib
import json
import os
import select
import socket
import statistics
import struct
import sys
import time

PORT = 9000
# Not among the constants of Python 3.11.
SO_TIMESTAMPNS = 35
INTERVAL = 0.02
# 160 octets of UDP payload: what 24 kbit/s of Opus come to, with all that is around it.
PAYLOAD = 160
AFTER = 0.5


def answer(host):
    served = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    served.bind((host, PORT))
    print("ready", flush=True)
    while True:
        payload, source = served.recvfrom(2048)
        try:
            served.sendto(payload, source)
        except OSError:
            pass


def ask(host, flows, seconds):
    sockets = []
    for _ in range(flows):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.connect((host, PORT))
        one.setblocking(False)
        # The kernel's own time of arrival: how late this process is does not matter.
        one.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sockets.append(one)
    round_trips, overtaken, sent = [], 0, 0
    newest = [0] * flows
    start = time.monotonic()
    # The flows do not all tick at once.
    due = [start + INTERVAL * index / flows for index in range(flows)]
    while time.monotonic() < start + seconds + AFTER:
        now = time.monotonic()
        for index, one in enumerate(sockets):
            if due[index] <= now < start + seconds:
                due[index] += INTERVAL
                sent += 1
                head = struct.pack("!Qd", sent, time.time())
                try:
                    one.send(head.ljust(PAYLOAD, b"\0"))
                except OSError:
                    pass
        upcoming = min(due)
        wait = max(0.0, upcoming - time.monotonic()) if upcoming < start + seconds else 0.05
        readable, _, _ = select.select(sockets, [], [], wait)
        for one in readable:
            try:
                payload, notes, _, _ = one.recvmsg(2048, 256)
            except OSError:
                continue
            number, left = struct.unpack("!Qd", payload[:16])
            seconds_part, nanoseconds = struct.unpack("@qq", notes[0][2][:16])
            round_trips.append((seconds_part + nanoseconds / 1e9 - left) * 1000)
            index = sockets.index(one)
            overtaken += number < newest[index]
            newest[index] = max(number, newest[index])
    figures = sorted(round_trips) or [0.0]
    print(json.dumps({
        "sent": sent, "lost": 1 - len(round_trips) / sent, "overtaken": overtaken / sent,
        "median_ms": statistics.median(figures), "worst_ms": figures[-1],
        "p99_ms": figures[int(len(figures) * 0.99)], "round_trips_ms": round_trips,
    }))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["answer", "ask"])
    parser.add_argument("--at", required=True)
    parser.add_argument("--flows", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    # It measures the link, and not how busy the machine is.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
    if options.command == "answer":
        answer(options.at)
    else:
        ask(options.at, options.flows, options.seconds)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
