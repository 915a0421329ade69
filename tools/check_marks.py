#!/usr/bin/env python3
"""The report of `zooid sim --marks` knows every MARK of the source, and no other: the two lists in
src/bin/sim_marks.cc are compared with the code."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LISTS = ROOT / "src/bin/sim_marks.cc"


def main():
    used = {}
    for path in sorted((ROOT / "src").rglob("*.cc")) + sorted((ROOT / "src").rglob("*.h")):
        if path.name.endswith("_test.cc") or path.name in ("mark.h", "sim_marks.cc"):
            continue
        for mark in re.findall(r'MARK\("([^"]+)"\)', path.read_text()):
            used.setdefault(mark, path.relative_to(ROOT))
    text = LISTS.read_text()
    listed = [mark for part in re.findall(r"constexpr const char\* k\w+\[\] = \{(.*?)\};", text, re.S)
              for mark in re.findall(r'"([^"]+)"', part)]
    failed = 0
    for mark, path in used.items():
        if mark not in listed:
            print(f"{path}: MARK(\"{mark}\") stands in neither list of {LISTS.relative_to(ROOT)}")
            failed += 1
    for mark in listed:
        if mark not in used:
            print(f"{LISTS.relative_to(ROOT)}: there is no MARK(\"{mark}\")")
            failed += 1
        if listed.count(mark) > 1:
            print(f"{LISTS.relative_to(ROOT)}: \"{mark}\" stands there twice")
            failed += 1
    print(f"{len(used)} marks")
    return 1 if failed or not used else 0


sys.exit(main())
