"""What tools/mutants.py changes: one statement or condition of src/zab, src/storage, src/server or
src/state at a time. What is drawn follows from the seed and the sources."""

import hashlib
import re
from dataclasses import dataclass

LAYERS = ["zab", "storage", "server", "state"]
KINDS = ["drop an effect", "swap", "comparison", "skip a persist", "drop", "bool", "off by one"]

# Not worth a change: it cannot be wrong (assertions, marks, room reserved), or it is only said (log
# lines and notes for them).
SKIP = re.compile(
    r"^\s*(//|#)|ASSERT|MARK\(|log::|fmt::|notes|reserve\(|template|operator|assert|TRY|using |"
    r"case |constexpr|is_planted")
STATEMENT = re.compile(
    r"^ {2,}(?!return\b|break|continue|const |auto |static |delete |else)"
    r"((\+\+|--)?[\w:.>\[\]*()-]+(\+\+|--)?|[\w:.>\[\]*()-]+ [-+|]?= .*|[\w:.>*-]+\(.*\));$")
DECLARATION = re.compile(r"^\s*[\w:<>,*& ]+ [\w]+( = .*|\{.*\}|\(.*\))?;$")
ASSIGNMENT = re.compile(r"^\s*([\w:.>\[\]*()-]+) [-+|]?= (.*);$")
# What changes one object and nothing else: its name, and what is read for it.
CHANGE_OF_ONE = re.compile(
    r"^\s*([\w.>\[\]()-]+?)(?: [-+|]?= (.*)|"
    r"\.(?:erase|emplace|push_back|clear|insert|append|remove_prefix|reset)\((.*)\)|\+\+);$")
CALL = re.compile(r"^\s*[\w:.>*-]+\(")
CHANGES = {
    "comparison": [(r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "),
                   (r" == ", " != "), (r" != ", " == ")],
    "bool": [(r" && ", " || "), (r" \|\| ", " && "), (r"\btrue\b", "false"), (r"\bfalse\b", "true"),
             (r"\(!(?=[\w(])", "(")],
    "off by one": [(r" \+ 1\b", ""), (r" - 1\b", ""), (r" \+ 1\b", " + 2"), (r"\.next\(\)", "")],
}
PERSISTS = re.compile(r"persist|sync\(|append|truncate|publish|roll\(|rename|flush|save|store\(|promise")
EFFECTS = re.compile(r"effects|push|submit|send|commit|erase|remove|packet|out\.")


@dataclass
class Mutant:
    path: str  # from the root of the tree
    kind: str
    line: int  # from 0
    count: int  # lines of the source that `new` replaces
    old: list
    new: list

    occurrence: int = 0  # the same change may be possible at several places of a file

    @property
    def key(self):
        """What it is called when lines above it have moved."""
        return f"{self.path} #{self.occurrence} {self.change}"

    @property
    def layer(self):
        return self.path.split("/")[1]

    @property
    def place(self):
        return f"{self.path}:{self.line + 1}"

    @property
    def change(self):
        return " / ".join(l.strip() for l in self.old) + "  =>  " + " / ".join(
            l.strip() for l in self.new)

    def mutated(self, text):
        lines = text.splitlines()
        lines[self.line:self.line + self.count] = self.new
        return "\n".join(lines) + "\n"


def is_statement(line):
    if SKIP.search(line) or not STATEMENT.match(line) or line.count("(") != line.count(")"):
        return False
    # `type name(...)` declares; `a = b` and `call(...)` do.
    return not (DECLARATION.match(line) and not ASSIGNMENT.match(line) and not CALL.match(line))


def order_matters(first, second):
    """Not between lines that have no name in common, nor between changes of two objects of which neither
    is read for, or part of, the other."""
    if not set(re.findall(r"\w+", first)) & set(re.findall(r"\w+", second)):
        return False
    one, two = CHANGE_OF_ONE.match(first), CHANGE_OF_ONE.match(second)
    if not one or not two:
        return True
    read = [match[2] or match[3] or "" for match in (one, two)]
    return (one[1] in read[1] or two[1] in read[0]
            or (one[1] + ".").startswith(two[1] + ".") or (two[1] + ".").startswith(one[1] + "."))


def candidates(path, name):
    lines = path.read_text().splitlines()
    for i, line in enumerate(lines):
        before = lines[i - 1].rstrip() if i else ""
        begins_a_statement = before.endswith((";", "{", "}", ":")) or before.lstrip().startswith("//")
        if is_statement(line) and begins_a_statement:
            indent = re.match(r" *", line)[0]
            kind = ("skip a persist" if PERSISTS.search(line) else
                    "drop an effect" if EFFECTS.search(line) else "drop")
            yield Mutant(name, kind, i, 1, [line], [indent + ";"])
            following = lines[i + 1] if i + 1 < len(lines) else ""
            if is_statement(following) and following != line \
                    and re.match(r" *", following)[0] == indent and order_matters(line, following):
                yield Mutant(name, "swap", i, 2, [line, following], [following, line])
        if SKIP.search(line):
            continue
        code = line.split("  //")[0]
        for kind, changes in CHANGES.items():
            for old, new in changes:
                for match in re.finditer(old, code):
                    if code[:match.start()].count('"') % 2 == 1:
                        continue  # a text
                    changed = line[:match.start()] + new + line[match.end():]
                    yield Mutant(name, kind, i, 1, [line], [changed])


def all_mutants(seed, tree):
    """Layer by layer, kind by kind, until there is none left. Each mutant's place in its pile follows from
    the seed and its own text: a change of the sources changes little of what is drawn."""
    piles = {}
    for layer in LAYERS:
        for path in sorted((tree / "src" / layer).glob("*.cc")):
            if path.name.endswith("_test.cc"):
                continue
            seen = {}
            for mutant in candidates(path, str(path.relative_to(tree))):
                mutant.occurrence = seen[mutant.change] = seen.get(mutant.change, -1) + 1
                piles.setdefault((layer, mutant.kind), []).append(mutant)
    for pile in piles.values():
        pile.sort(key=lambda mutant: hashlib.sha256(f"{seed} {mutant.key}".encode()).digest())
    turn = 0
    while any(piles.values()):
        pile = piles.get((LAYERS[turn % len(LAYERS)], KINDS[turn // len(LAYERS) % len(KINDS)]))
        turn += 1
        if pile:
            yield pile.pop()
