#!/usr/bin/env python3
"""docs/compatibility.md from its list, docs/compatibility.json, and from the rules of `zooid crosscheck`.

    tools/compatibility.py            writes the document
    tools/compatibility.py --check    fails if the document is not what would be written, or a row names
                                      a test or rule that does not exist

A row of the list: id, row (the behaviour, in the words of ZooKeeper's inventory), status (same, better,
not yet), text (better: how; not yet: why; same: a remark), by (what shows it: folder.Suite.test of a unit
test, integration.file.function, or crosscheck:rule).
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIST = ROOT / "docs" / "compatibility.json"
DOCUMENT = ROOT / "docs" / "compatibility.md"
STATUSES = ("same", "better", "not yet")

INTRODUCTION = """\
# Compatibility

What a client, recipe or framework can see of ZooKeeper 3.9.5, row by row, and whether Zooid does it: **same**,
**better** (how), or **not yet** (why). A row that is the same or better names what shows it: a unit test, an
integration test against real processes, or a rule by which `zooid crosscheck` compares the replies of both servers.
Where 3.8 and 3.9 differ, 3.9.5 is followed.

This page is made from `compatibility.json` by `tools/compatibility.py`; a test compares them and looks each name up.
"""


def join_literals(text):
    """The content of adjacent C++ string literals."""
    return "".join(json.loads(f'"{part}"') for part in re.findall(r'"((?:[^"\\]|\\.)*)"', text))


def crosscheck_rules():
    """(name, kind, reason) as `zooid crosscheck --rules` prints them."""
    source = (ROOT / "src/cli/crosscheck_rules.cc").read_text()
    rules = re.findall(r'\{Rule::\w+,\s*"([^"]+)",\s*"([^"]+)",((?:\s*"(?:[^"\\]|\\.)*")+)\s*\}', source)
    return [(name, kind, join_literals(reason)) for name, kind, reason in rules]


def existing_names():
    names = set()
    for path in (ROOT / "src").glob("*/*_test.cc"):
        for suite, test in re.findall(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", path.read_text(), re.M):
            names.add(f"{path.parent.name}.{suite}.{test}")
    for path in (ROOT / "tests/integration").glob("test_*.py"):
        text = path.read_text()
        called = text[text.rindex("harness.main("):] if "harness.main(" in text else ""
        for function in re.findall(r"^def (\w+)\(", text, re.M):
            if len(re.findall(rf"\b{function}\b", text)) > 1 or function in called:
                names.add(f"integration.{path.stem.removeprefix('test_')}.{function}")
    for path in (ROOT / "tests/scenarios").rglob("*.txt"):
        names.add(f"scenario.{path.parent.name}.{path.stem}")
    names.update(f"crosscheck:{name}" for name, _, _ in crosscheck_rules())
    return names


def problems(listed):
    """What is wrong with the list, as sentences."""
    known = existing_names()
    sections = [section["section"] for section in listed["sections"]]
    seen = set()
    for row in listed["rows"]:
        name = row["id"]
        if name in seen:
            yield f"{name} stands twice"
        seen.add(name)
        if name.split("-")[0] not in sections:
            yield f"{name} belongs to no section"
        if row["status"] not in STATUSES:
            yield f"{name}: status {row['status']!r}"
        if row["status"] != "same" and not row.get("text"):
            yield f"{name} is {row['status']!r} without a word of how or why"
        if row["status"] != "not yet" and not row.get("by"):
            yield f"{name} is {row['status']!r} and names nothing that shows it"
        for shown_by in row.get("by", []):
            if shown_by not in known:
                yield f"{name} names {shown_by}, which does not exist"


def cell(text):
    return re.sub(r"(?<!\\)\|", r"\\|", text)


def document(listed):
    rows = listed["rows"]
    count = {status: sum(row["status"] == status for row in rows) for status in STATUSES}
    out = [INTRODUCTION, f"{len(rows)} rows: {count['same']} same, {count['better']} better, "
           f"{count['not yet']} not yet.\n"]
    by_kind = {}
    for name, kind, reason in crosscheck_rules():
        by_kind.setdefault(kind, []).append((name, reason))
    out.append("## Intended differences\n\nZooid differs from every ZooKeeper here, on purpose. The names are those "
               "of `zooid crosscheck --rules`; *not sent* means that the cross-check leaves such requests out.\n")
    for kind in ("intended", "not sent"):
        for name, reason in by_kind.get(kind, []):
            remark = "" if kind == "intended" else " (not sent)"
            out.append(f"**{name}**{remark}. {reason}\n")
    out.append("The rows marked *better* below are the others.\n")
    out.append("## ZooKeeper 3.8 beside 3.9\n\nThese differ between the two; Zooid does as 3.9.5, and "
               "`zooid crosscheck --profile 3.8` allows for them.\n")
    out += [f"**{name}**. {reason}\n" for name, reason in by_kind.get("3.8", [])]
    out.append("## What two servers may answer differently\n\nTwo ZooKeepers would, too: `zooid crosscheck` evens "
               "these out before it compares.\n")
    out += [f"**{name}**. {reason}\n" for name, reason in by_kind.get("normalised", [])]
    for section in listed["sections"]:
        number = section["section"]
        out.append(f"## {number} {section['title']}\n\n| id | behaviour | status | shown by |\n|---|---|---|---|")
        for row in rows:
            if not row["id"].startswith(number + "-"):
                continue
            status = row["status"] if row["status"] == "same" else f"**{row['status']}**"
            if row.get("text"):
                status += f": {cell(row['text'])}"
            shown_by = ", ".join(f"`{name}`" for name in row.get("by", []))
            out.append(f"| {row['id']} | {cell(row['row'])} | {status} | {shown_by} |")
        out.append("")
    return "\n".join(out).rstrip("\n") + "\n"


def main():
    listed = json.loads(LIST.read_text())
    found = list(problems(listed))
    for problem in found:
        print(f"compatibility.json: {problem}", file=sys.stderr)
    text = document(listed)
    if sys.argv[1:] == ["--check"]:
        if not DOCUMENT.exists() or DOCUMENT.read_text() != text:
            found.append("differs")
            print("docs/compatibility.md is not what tools/compatibility.py writes", file=sys.stderr)
    else:
        DOCUMENT.write_text(text)
    if found:
        sys.exit(1)
    print(f"{len(listed['rows'])} rows, {len(existing_names())} names known")


if __name__ == "__main__":
    main()
