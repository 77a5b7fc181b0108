#!/usr/bin/env python3
"""The crates depend on each other downwards only, as docs/ARCHITECTURE.md draws it.

    { cooee, cooee-app, cooee-ffi } -> cooee-sdk -> { cooee-store, cooee-audio } -> cooee-core -> cooee-protocol
    cooee-server -> cooee-protocol

Read from `cargo metadata`, without network. Dependencies of tests are free: they may reach across.
"""

import json
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Each crate, and those of ours that it may name. An app reaches nothing but the SDK.
MAY_NAME = {
    "cooee-protocol": set(),
    "cooee-core": {"cooee-protocol"},
    "cooee-store": {"cooee-core", "cooee-protocol"},
    "cooee-audio": {"cooee-core", "cooee-protocol"},
    "cooee-sdk": {"cooee-store", "cooee-audio", "cooee-core", "cooee-protocol"},
    "cooee": {"cooee-sdk"},
    "cooee-app": {"cooee-sdk"},
    "cooee-ffi": {"cooee-sdk"},
    "cooee-bindgen": set(),
    "cooee-server": {"cooee-protocol"},
}

# Crates that are tests from end to end: they name whom they like, and nobody names them.
TESTS = {"cooee-stories"}

# What a crate that does no I/O of its own has no use for.
SANS_IO = {"cooee-protocol", "cooee-core"}
DOES_IO = {"axum", "cpal", "keyring", "mio", "reqwest", "rusqlite", "socket2", "tokio", "tokio-tungstenite"}


def shipped_dependencies(package):
    """The names of what `package` needs when it is built for use: no dependencies of its tests."""
    return {d["name"] for d in package["dependencies"] if d["kind"] != "dev"}


def wrong_arrows(packages):
    """One sentence for each dependency that points the wrong way, and for each crate without a place."""
    ours = {package["name"] for package in packages}
    wrong = []
    for package in packages:
        name = package["name"]
        named = shipped_dependencies(package)
        if name in TESTS:
            continue
        if name not in MAY_NAME:
            wrong.append(f"{name} has no place in the layers: give it one here and in docs/ARCHITECTURE.md")
            continue
        wrong += [f"{name} must not name {other}" for other in sorted((named & ours) - MAY_NAME[name])]
        if name in SANS_IO:
            wrong += [f"{name} does no I/O and must not name {other}" for other in sorted(named & DOES_IO)]
    return wrong


def package(name, *dependencies, kind=None):
    """A package as `cargo metadata` describes it, as far as it is read here."""
    return {"name": name, "dependencies": [{"name": d, "kind": kind} for d in dependencies]}


class Arrows(unittest.TestCase):
    def test_the_workspace_points_downwards(self):
        metadata = subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--no-deps", "--offline"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        )
        packages = json.loads(metadata.stdout)["packages"]
        self.assertEqual(wrong_arrows(packages), [])
        self.assertEqual(set(MAY_NAME) - {p["name"] for p in packages}, set(), "crates that are gone")

    def test_an_arrow_upwards_is_found(self):
        found = wrong_arrows([package("cooee-core", "cooee-sdk", "serde"), package("cooee-sdk", "cooee-core")])
        self.assertEqual(found, ["cooee-core must not name cooee-sdk"])

    def test_the_server_may_not_reach_the_client(self):
        found = wrong_arrows([package("cooee-server", "cooee-core", "cooee-protocol"),
                              package("cooee-core"), package("cooee-protocol")])
        self.assertEqual(found, ["cooee-server must not name cooee-core"])

    def test_io_in_a_sans_io_crate_is_found(self):
        self.assertEqual(wrong_arrows([package("cooee-core", "tokio")]),
                         ["cooee-core does no I/O and must not name tokio"])

    def test_a_build_script_counts_and_a_test_does_not(self):
        self.assertEqual(len(wrong_arrows([package("cooee-core", "tokio", kind="build")])), 1)
        self.assertEqual(wrong_arrows([package("cooee-core", "tokio", kind="dev")]), [])

    def test_a_new_crate_needs_a_place(self):
        self.assertEqual(len(wrong_arrows([package("cooee-new")])), 1)


if __name__ == "__main__":
    unittest.main()
