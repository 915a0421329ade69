#!/usr/bin/env python3
"""Mutants: one small change at a time in src/zab, src/storage, src/server and src/state, each of which
a test or a seed of the simulator should find. See docs/mutants.md.

    ./dev sim --mutants 60 --seed 1

What is drawn follows from the seed (mutants_draw.py). The tree is copied to build/mutants and built
there once; for a mutant only the changed file is compiled and put in front of the libraries when the
tests and `zooid` are linked. Verdicts are appended to build/mutants/results-SEED.jsonl, so a run that
was ended goes on where it was. Exit code 1 if fewer than 90 % of the mutants that compile are found.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import selectors
import shlex
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from mutants_draw import all_mutants  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "mutants"
# The layer's own tests first, then those of the layers that use it.
TESTS = {
    "zab": ["zab_test", "server_test"],
    "storage": ["storage_test", "server_test"],
    "server": ["server_test"],
    "state": ["state_test", "storage_test", "server_test"],
}
BINARIES = ["state_test", "zab_test", "storage_test", "server_test", "zooid"]
SEED_BATCHES = [(1, 10), (11, 50), (51, 120), (121, 200)]
# A mutant that never ends is found, too. Processor time is limited, which a busy machine does not
# change; the limit of real time is for a thread that waits.
PROCESSOR_SECONDS_MIN = 10
SLOWER_MAX = 8
WAITING_SECONDS_MIN = 60
MEMORY_BYTES = 8 << 30
FOUND_MIN = 0.9
NO_MUTANT = "does not compile"
UNTESTED = "no test finds it"
SURVIVED = "survived"


def copy_tree():
    tree = WORK / "tree"
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.split()
    for name in listed:
        source, target = ROOT / name, tree / name
        if not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copyfile(source, target)
    for folder in ["src", "tests/scenarios"]:
        for path in (tree / folder).rglob("*.*"):
            if path.is_file() and str(path.relative_to(tree)) not in listed:
                path.unlink()
    return tree


def run(command, cwd, processor_seconds, waiting_seconds, until=None):
    """(exit code, or 'hang', or None once a line matches `until`; the output)"""

    def limit():
        seconds = int(processor_seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    process = subprocess.Popen([str(word) for word in command], cwd=cwd, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=limit)
    output, end = "", time.monotonic() + waiting_seconds
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            left = end - time.monotonic()
            if left <= 0 or (until and until.search(output)):
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return ("hang" if left <= 0 else None), output
            if selector.select(left):
                chunk = os.read(process.stdout.fileno(), 1 << 16)
                if not chunk:
                    break
                output = (output + chunk.decode(errors="replace"))[-200_000:]
    code = process.wait()
    return ("hang" if code in (-signal.SIGXCPU, -signal.SIGKILL) else code), output


class Bench:
    """Builds the tree once, then one changed file at a time."""

    def __init__(self, jobs):
        self.jobs = jobs
        self.tree = copy_tree()
        self.build = self.tree / "build"
        environment = dict(os.environ, CCACHE_BASEDIR=str(self.tree), CCACHE_NOHASHDIR="1")
        subprocess.run(["cmake", "-S", self.tree, "-B", self.build, "-G", "Ninja",
                        "-DCMAKE_BUILD_TYPE=RelWithDebInfo"], check=True,
                       stdout=subprocess.DEVNULL, env=environment)
        subprocess.run(["ninja", "-C", self.build, "--quiet", "-j", str(jobs), *BINARIES], check=True,
                       env=environment)
        commands = json.loads((self.build / "compile_commands.json").read_text())
        self.compile = {str(pathlib.Path(entry["file"]).relative_to(self.tree)): entry["command"]
                        for entry in commands if "/src/" in entry["file"]}
        self.link = {name: self.link_command(name) for name in BINARIES}
        self.scratch = WORK / "mutant"
        self.scratch.mkdir(exist_ok=True)
        self.seconds = {}  # of each binary's tests, and of a seed, unchanged
        self.measure()

    def link_command(self, name):
        said = subprocess.run(["ninja", "-C", self.build, "-t", "commands", name], check=True,
                              capture_output=True, text=True).stdout.splitlines()[-1]
        for step in said.split("&&"):
            if f" -o {name} " in step:
                return shlex.split(step)
        raise RuntimeError(f"no command links {name}: {said}")

    def link_mutant(self, name, object_file):
        """The changed object comes before the libraries: their member of that name is passed over."""
        command = [str(self.scratch / name) if word == name else word for word in self.link[name]]
        first_library = next(i for i, word in enumerate(command) if word.endswith(".a"))
        command.insert(first_library, str(object_file))
        subprocess.run(command, cwd=self.build, check=True)
        return self.scratch / name

    def compile_mutant(self, mutant):
        source = self.scratch / pathlib.Path(mutant.path).name
        source.write_text(mutant.mutated((self.tree / mutant.path).read_text()))
        words = shlex.split(self.compile[mutant.path])
        words = words[next(i for i, word in enumerate(words) if "ccache" not in word):]
        changed = {str(self.tree / mutant.path): str(source), "-O2": "-O1", "-g1": "-g0"}
        words = [changed.get(word, word) for word in words]
        words[words.index("-o") + 1] = str(self.scratch / "mutant.o")
        done = subprocess.run(words, cwd=self.build, capture_output=True)
        return self.scratch / "mutant.o" if done.returncode == 0 else None

    def measure(self):
        for name in BINARIES:
            begun = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            command = ["sim", "--seeds", "1..3"] if name == "zooid" else ["--gtest_brief=1"]
            code, output = run([self.build / name, *command], self.tree, 600, 600)
            if code != 0:
                raise RuntimeError(f"{name} fails unchanged: {output[-2000:]}")
            self.seconds[name] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begun
        print("unchanged, seconds: " + json.dumps({k: round(v, 1) for k, v in self.seconds.items()}))

    def limits(self, name, parts=1):
        processor = max(PROCESSOR_SECONDS_MIN, SLOWER_MAX * self.seconds[name])
        return processor, WAITING_SECONDS_MIN + parts * processor

    def by_tests(self, name, object_file):
        binary = self.link_mutant(name, object_file)
        for which in ["*Scenario*", "-*Scenario*"]:
            code, output = run([binary, "--gtest_fail_fast", f"--gtest_filter={which}"],
                               self.tree, *self.limits(name))
            if code != 0:
                failed = re.search(r"\[  FAILED  \] ([\w./]+)", output)
                begun = re.findall(r"\[ RUN      \] ([\w./]+)", output)
                how = failed[1] if failed else begun[-1] if begun else name
                ends = "" if code == 1 else f" (ends with {code})"
                return ("scenario: " if which[0] == "*" else "test: ") + how + ends
        return None

    def by_seeds(self, object_file):
        binary = self.link_mutant("zooid", object_file)
        a_find = re.compile(r"^seed (\d+): (.*)\n", re.M)
        for first, last in SEED_BATCHES:
            code, output = run([binary, "sim", "--seeds", f"{first}..{last}", "--faults", "mixed",
                                "--jobs", self.jobs], self.tree,
                               *self.limits("zooid", last - first + 1), until=a_find)
            if code != 0:
                seed = a_find.search(output)
                return f"seed {seed[1]}: {seed[2][:120]}" if seed else f"seed in {first}..{last}: {code}"
        return None

    def judge_by_tests(self, mutant):
        object_file = self.compile_mutant(mutant)
        if not object_file:
            return NO_MUTANT
        for name in TESTS[mutant.layer]:
            found = self.by_tests(name, object_file)
            if found:
                return found
        return UNTESTED

    def judge_by_seeds(self, mutant):
        return self.by_seeds(self.compile_mutant(mutant)) or SURVIVED


class Verdicts:
    """Of one seed's mutants, kept in a file of JSON lines; the last line of a mutant counts."""

    def __init__(self, path):
        self.path = path
        self.known = {}
        if path.exists():
            for line in path.read_text().splitlines():
                entry = json.loads(line)
                self.known[entry["key"]] = entry["verdict"]

    def of(self, mutant):
        return self.known.get(mutant.key)

    def judge(self, mutant, by):
        begun = time.monotonic()
        verdict = by(mutant)
        self.known[mutant.key] = verdict
        with self.path.open("a") as out:
            out.write(json.dumps({"key": mutant.key, "place": mutant.place, "kind": mutant.kind,
                                  "verdict": verdict,
                                  "seconds": round(time.monotonic() - begun, 1)}) + "\n")
        print(f"{mutant.place} {mutant.kind}: {mutant.change}\n    {verdict}", flush=True)


def drawn(options, bench, verdicts):
    """The mutants that count, each judged by the tests."""
    mutants = []
    for mutant in all_mutants(options.seed, bench.tree):
        if len(mutants) == options.count and not options.only:
            break
        if options.only and mutant.place not in options.only:
            continue
        known = verdicts.of(mutant)
        is_open = known is None or (options.survivors and known in (UNTESTED, SURVIVED))
        if options.only or is_open:
            verdicts.judge(mutant, bench.judge_by_tests)
        if verdicts.of(mutant) != NO_MUTANT:
            mutants.append(mutant)
    return mutants


def main():
    parser = argparse.ArgumentParser(prog="./dev sim --mutants")
    parser.add_argument("count", nargs="?", type=int, default=60, help="mutants that compile")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="seeds at the same time")
    parser.add_argument("--list", action="store_true", help="only say what would be changed")
    parser.add_argument("--again", action="store_true", help="forget what is remembered of this seed")
    parser.add_argument("--survivors", action="store_true", help="judge those once more that survived")
    parser.add_argument("--only", action="append", default=[], metavar="FILE:LINE",
                        help="judge just this one of those drawn; may be repeated")
    parser.add_argument("--table", action="store_true", help="print all verdicts as Markdown")
    parser.add_argument("--no-seeds", action="store_true", help="only the tests, not the simulator")
    options = parser.parse_args()
    if options.list:
        for number, mutant in zip(range(options.count), all_mutants(options.seed, ROOT)):
            print(f"{number + 1:3} {mutant.place} {mutant.kind}: {mutant.change}")
        return 0

    bench = Bench(options.jobs)
    memory = WORK / f"results-{options.seed}.jsonl"
    if options.again:
        memory.unlink(missing_ok=True)
    verdicts = Verdicts(memory)
    mutants = drawn(options, bench, verdicts)
    # The tests take seconds, the seeds minutes: those come when it is known who needs them.
    if not options.no_seeds:
        for mutant in mutants:
            if verdicts.of(mutant) == UNTESTED:
                verdicts.judge(mutant, bench.judge_by_seeds)
    if options.table:
        print_table(mutants, verdicts)
    return summary([verdicts.of(mutant) for mutant in mutants])


def print_table(mutants, verdicts):
    """For docs/mutants.md."""

    def code(text):
        shown = text if len(text) <= 90 else text[:87] + "..."
        return "`` " + shown.replace("|", "\\|") + " ``"

    print("| where | change | found by |\n|---|---|---|")
    for mutant in mutants:
        found = re.sub(r"Files/\w+\.gives_the_expected_transcript/", "", verdicts.of(mutant))
        change = mutant.change.removesuffix("  =>  ;")
        if mutant.kind in ("comparison", "bool", "off by one"):
            change = changed_part(*change.split("  =>  "))
        print(f"| {mutant.place.removeprefix('src/')} | {mutant.kind}: {code(change)} | {found} |")


def changed_part(old, new):
    """Where two lines differ, and a little around it."""
    same = len(os.path.commonprefix([old, new]))
    begin = max(0, same - 30)
    shift = len(new) - len(old)
    return old[begin:same + 30] + " => " + new[begin:same + 30 + max(0, shift)]


def summary(results):
    by = {kind: sum(verdict.startswith(kind) for verdict in results)
          for kind in ["scenario", "test", "seed", "survived"]}
    by["survived"] += results.count(UNTESTED)
    rate = 1 - by["survived"] / max(len(results), 1)
    print(f"mutants={len(results)} found-by-scenario={by['scenario']} found-by-test={by['test']} "
          f"found-by-seed={by['seed']} survived={by['survived']} found={rate:.0%}")
    return 0 if rate >= FOUND_MIN else 1


if __name__ == "__main__":
    sys.exit(main())
