"""Runs a client program that prints "ok NAME" or "FAIL NAME" lines, then "PROGRAM: n of n ok", and that
may ask with "kill now" for the leader to be killed."""

import os
import queue
import re
import subprocess
import threading
import traceback

import harness


def run(command, at_kill=None, environment=None, silence_s=150):
    """Returns the line that counts. at_kill() is called when the program asks for it. Fails when the
    program does, or when it prints nothing for silence_s."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.STDOUT, env=environment)
    harness.ended_at_exit(process)
    lines = queue.Queue()

    def read():
        for line in process.stdout:
            lines.put(line.rstrip())
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    seen = []
    try:
        while (line := lines.get(timeout=silence_s)) is not None:
            seen.append(line)
            if line == "kill now":
                at_kill()
                process.stdin.write("killed\n")
                process.stdin.flush()
    except queue.Empty:
        seen.append(f"silent for {silence_s} s")
        process.kill()
    code = process.wait(timeout=30)
    counts = [line for line in seen if " ok" in line and ": " in line and " of " in line]
    if code != 0 or len(counts) != 1 or os.environ.get("ZOOID_SHOW") == "1":
        print("\n".join(seen), flush=True)
    assert code == 0 and len(counts) == 1, f"the program ended with {code}: {counts}"
    return counts[0]


def expect(line, name, count):
    """The program's count must be the one the test knows: a check that vanishes is a failure, too."""
    print(line, flush=True)
    assert line == f"{name}: {count} of {count} ok", (line, count)


def with_a_leader_kill(kind, settings, run_program):
    """Three servers; run_program(hosts, at_kill). The killed server comes back afterwards."""
    ensemble = harness.Ensemble([kind] * 3, tick_ms=1000, settings=settings).start()
    leader = ensemble.wait_all()

    def kill():
        leader.kill()
        ensemble.wait_leader()

    run_program(ensemble.hosts(), kill)
    leader.start()
    leader.wait_mode("follower")


class Checks:
    """Counts checks that this process itself makes; a failure is told and the next check runs."""

    def __init__(self, name):
        self.name, self.passed, self.made = name, 0, 0

    def run(self, what, body):
        self.made += 1
        try:
            body()
            self.passed += 1
        except Exception as failure:  # noqa: B902 - told here, judged by finish()
            traceback.print_exc()
            print(f"FAIL {self.name}: {what}: {failure!r}", flush=True)

    def finish(self, count):
        expect(f"{self.name}: {self.passed} of {self.made} ok", self.name, count)


class Talk:
    """A command-line program that is spoken to line by line."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.STDOUT, bufsize=1)
        harness.ended_at_exit(self.process)
        self.output = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while text := self.process.stdout.readline():
            self.output += text

    def say(self, line):
        """The position in the output from which the answer is to be sought."""
        position = len(self.output)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return position

    def wait(self, pattern, position=0, seconds=40):
        """The match of the pattern at or after the position, once it is there."""
        try:
            return harness.wait_for(lambda: re.compile(pattern, re.M).search(self.output, position), seconds,
                                    f"{pattern!r}")
        except AssertionError as failure:
            raise AssertionError(f"{failure}; instead: {self.output[position:][-1500:]}") from None
