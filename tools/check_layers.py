#!/usr/bin/env python3
"""Fails if a file in src/ includes a folder that its own layer may not know (docs/architecture.md).

Also warns of files that have grown too long. Prints nothing when all is well.
"""

import pathlib
import re
import sys

LINES_MAX = 500

# Each folder with those it may include, beside itself.
LAYERS = {
    "base": "",
    "env": "base",
    "runtime": "env base",
    "wire": "base",
    "state": "wire base",
    "zab": "wire base",
    "posix": "runtime env base",
    "config": "zab wire env base",
    "storage": "state wire runtime env base",
    "client": "wire env base",
    "server": "config storage zab state wire runtime env base",
    "recipes": "client base",
    "admin": "server config wire base",
    "sdk": "recipes client posix env base",
    "cli": "recipes client config storage zab wire env base",
    "sim": "recipes admin server config client storage zab state wire runtime env base",
    "fuzz": "server config storage zab state wire runtime env base",
    "bin": "*",
}
# Code elsewhere has no thread, socket, file or random source of its own.
OUTSIDE_WORLD = {"posix", "bin", "sdk"}
WORLD_HEADERS = re.compile(
    r"<(thread|fstream|filesystem|random|sys/(socket|epoll|stat)\.h|unistd\.h|fcntl\.h"
    r"|netinet/.*|arpa/.*)>")
# The end of the process, and what tests alone use.
EXEMPT = re.compile(r"base/assert\.cc|.*/[^/]*test[^/]*|.*/golden_files\.h|fuzz/corpus\.cc")

OURS = re.compile(r'^\s*#\s*include\s+"([a-z_]+)/')
SYSTEM = re.compile(r"^\s*#\s*include\s+(<[^>]+>)")


def problems_of(path, folder, text):
    allowed = LAYERS[folder].split()
    has_seams = folder not in OUTSIDE_WORLD and not EXEMPT.fullmatch(path.as_posix()[len("src/"):])
    for number, line in enumerate(text.splitlines(), 1):
        ours = OURS.match(line)
        if ours and "*" not in allowed and ours[1] not in [folder, *allowed]:
            yield f"{path}:{number}: {folder} may not include {ours[1]}"
        system = SYSTEM.match(line)
        if system and has_seams and WORLD_HEADERS.fullmatch(system[1]):
            yield f"{path}:{number}: {system[1]} belongs behind a seam (posix/ or bin/)"


def main():
    source = pathlib.Path(__file__).resolve().parent.parent / "src"
    problems = []
    for path in sorted([*source.rglob("*.h"), *source.rglob("*.cc")]):
        relative = path.relative_to(source.parent)
        folder = relative.parts[1]
        if folder not in LAYERS:
            problems.append(f"{relative}: the folder {folder} has no place in the layers")
            continue
        text = path.read_text(encoding="utf-8")
        problems += problems_of(relative, folder, text)
        lines = text.count("\n")
        if lines > LINES_MAX:
            print(f"warning: {relative} has {lines} lines, more than {LINES_MAX}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
