#!/usr/bin/env python3
"""Fails if docs/invariants.md names a function that is not in its file. Prints nothing when all is well."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    wrong = []
    text = (ROOT / "docs/invariants.md").read_text()
    for file, function in re.findall(r"`([\w/]+\.cc):(\w+)`", text):
        path = ROOT / "src" / file
        if not path.exists():
            path = ROOT / "src/sim" / file
        if not path.exists():
            wrong.append(f"docs/invariants.md: there is no src/{file}")
        elif not re.search(rf"\b{function}\(", path.read_text()):
            wrong.append(f"docs/invariants.md: {path.relative_to(ROOT)} has no {function}()")
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


sys.exit(main())
