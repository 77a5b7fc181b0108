#!/usr/bin/env python3
"""Usage: contributors.py LIBRARY [ARCHIVE...]

What takes how much of a shared library with its symbols: its sections, and its code by crate. C code goes by the archive
that has the symbol (libopus.a, libsqlite3.a). Only code has symbols that say whose it is: constants are one sum.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

# Sections that a phone loads, in the words of people.
SECTIONS = {
    ".text": "code",
    ".rodata": "constants",
    ".eh_frame": "unwinding", ".eh_frame_hdr": "unwinding", ".gcc_except_table": "unwinding",
    ".data.rel.ro": "tables of pointers", ".rela.dyn": "tables of pointers", ".data": "tables of pointers",
}
STANDARD = {"core", "alloc", "std", "hashbrown", "memchr", "rustc_demangle", "gimli", "addr2line", "object", "miniz_oxide"}


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def sections(library):
    sizes = Counter()
    for line in output("size", "-A", library).splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[0].startswith(".") and int(fields[2]) != 0:
            sizes[SECTIONS.get(fields[0], "the rest")] += int(fields[1])
    return sizes


def owners(archives):
    """The archive that each symbol of C comes from."""
    found = {}
    for archive in archives:
        for line in output("nm", "--defined-only", archive).splitlines():
            fields = line.split()
            if len(fields) == 3 and fields[1] in "tT":
                found.setdefault(fields[2], Path(archive).name.removeprefix("lib").removesuffix(".a"))
    return found


def crate_of(name, owner):
    """Whose code a demangled symbol is: of `<cooee_core::path::Agent as core::fmt::Debug>::fmt` it is cooee_core."""
    path = re.search(r"([A-Za-z_][A-Za-z0-9_]*)(?:\[[0-9a-f]+\])?::", name)
    if path:
        # An implementation belongs to the first type in it that is not the standard library's.
        crates = re.findall(r"(?<![\w:])([a-z_][a-z0-9_]*)(?:\[[0-9a-f]+\])?::", name)
        ours = [crate for crate in crates if crate not in STANDARD and crate not in ("dyn", "as")]
        if name.startswith("<") and ours:
            return ours[0]
        return "std" if path.group(1) in STANDARD else path.group(1)
    plain = re.sub(r"\.(llvm|cold|constprop|isra|part|lto_priv).*", "", name)
    return owner.get(plain, "C and what has no name")


def code(library, archives):
    sizes, owner = Counter(), owners(archives)
    for line in output("nm", "--demangle", "--print-size", "--defined-only", library).splitlines():
        fields = line.split(maxsplit=3)
        if len(fields) == 4 and fields[2] in "tTwW":
            sizes[crate_of(fields[3], owner)] += int(fields[1], 16)
    return sizes


def main():
    library, *archives = sys.argv[1:]
    parts = sections(library)
    print("| part | KiB |\n|---|---:|")
    for part, size in parts.most_common():
        print(f"| {part} | {size / 1024:.0f} |")
    print(f"| all | {sum(parts.values()) / 1024:.0f} |\n")
    whose = code(library, archives)
    print("| code of | KiB | % |\n|---|---:|---:|")
    for crate, size in whose.most_common(25):
        print(f"| {crate} | {size / 1024:.0f} | {100 * size / parts['code']:.1f} |")
    print(f"| {len(whose) - 25} more | {sum(size for _, size in whose.most_common()[25:]) / 1024:.0f} | |")


if __name__ == "__main__":
    main()
