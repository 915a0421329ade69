"""Pairs of servers for the cross-check: Java's as the reference, Zooid's as the candidate, configured alike.

Java 3.8.0 is Debian's. A class path of 3.9.5 comes from the environment, since Debian has none:

    ZOOID_JAVA_39_CLASSPATH='/somewhere/zookeeper-3.9.5/lib/*' ./dev test --all -R crosscheck
"""

import json
import os
import subprocess

import harness

JAVA_39_CLASS_PATH = os.environ.get("ZOOID_JAVA_39_CLASSPATH", "")

# Sessions must not expire while a slow machine plays: their shortest time-out is two ticks.
TICK_MS = 2000
SETTINGS = "extendedTypesEnabled=true\nenforceQuota=true\n"

# Each server removes empty containers in its own minute, which makes a transaction: not while it plays.
REAPER = "znode.container.checkIntervalMs"
DAY_MS = 86_400_000
SETTINGS += f"{REAPER}={DAY_MS}\n"
harness.JAVA_OPTIONS.append(f"-D{REAPER}={DAY_MS}")


class Pair:
    """One server of each kind, or three. `class_path` is Java's, if not that of 3.8.0."""

    def __init__(self, servers, class_path=None):
        self.sides = [self._side(kind, servers) for kind in ("java", "zooid")]
        for server in self.sides[0]:
            server.class_path = class_path or server.class_path

    @staticmethod
    def _side(kind, servers):
        if servers == 1:
            settings = SETTINGS + "maxSessionTimeout=60000\n"
            return [harness.standalone(kind, settings, tick_ms=TICK_MS)]
        return harness.Ensemble([kind] * servers, SETTINGS, tick_ms=TICK_MS).servers

    def __enter__(self):
        """Of three servers the second leads on both sides: what a leader answers differs from a follower's."""
        for side in self.sides:
            for server in side[:2]:
                server.start()
        for side in self.sides:
            if len(side) > 1:
                harness.wait_for(lambda side=side: side[1].mode() == "leader", 90, "server 2 to lead")
                for server in side[2:]:
                    server.start()
        for side in self.sides:
            for server in side:
                server.wait_mode("standalone", "leader", "follower", seconds=90)
        return self

    def __exit__(self, *_):
        for side in self.sides:
            for server in side:
                if server.alive():
                    server.kill()

    def addresses(self):
        return [",".join(server.address for server in side) for side in self.sides]

    def command(self, *options):
        reference, candidate = self.addresses()
        return [harness.ZOOID, "crosscheck", "--reference", reference, "--candidate", candidate,
                *options]


def play(pair, *options, seconds=280):
    """The report of a run without unexplained differences. What Java did not answer once, and did in three
    more plays of the seed, is no difference of Zooid's."""
    run = subprocess.run(pair.command("--json", *options), capture_output=True, text=True,
                         timeout=seconds)
    assert run.returncode == 0, f"exit {run.returncode}:\n{run.stdout}\n{run.stderr}"
    report = json.loads(run.stdout)
    for found in report["differences"]:
        assert not found["repeats"] and found["reference"].startswith("no answer"), run.stdout
        print(f"  Java gave {found['reference']} once, in seed {found['seed']}")
    return report


def check(report, seeds, operations_min):
    """It played what it should."""
    first, last = map(int, seeds.split(".."))
    assert report["seeds"] == last - first + 1, report
    assert report["operations"] >= operations_min, report
    print(f"  {report['operations']} operations of {report['seeds']} seeds in "
          f"{report['seconds']:.0f} s, known differences: {report['known']}")


def long_run(servers, profile, class_path=None):
    """More than 200,000 operations of more than 500 seeds."""
    seeds = "1..520"
    with Pair(servers, class_path) as pair:
        report = play(pair, "--profile", profile, "--seeds", seeds, seconds=3600)
    check(report, seeds, 200_000)
