#!/usr/bin/env python3
"""Fuzzers: builds them with clang into build-asan/, gives them the corpus made from tests/golden and runs
each for a while. A find is left in build-asan/finds and named; what was learnt stays in build-asan/corpus.

    ./dev fuzz --seconds 60           # all
    ./dev fuzz snapshot --seconds 600
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-asan"
TARGETS = ["frames", "four_letter_words", "records", "txn_log", "snapshot", "zoo_cfg",
           "election_stream", "quorum_stream", "leader_packets", "learner_packets",
           "election_messages"]


def build(targets):
    subprocess.run(["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DZOOID_FUZZ=ON",
                    "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DCMAKE_CXX_COMPILER=clang++-19"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", BUILD, "--quiet", "fuzz_test",
                    *[f"fuzz_{target}" for target in targets]], check=True)
    subprocess.run([BUILD / "fuzz_test", "--gtest_brief=1"], check=True, stdout=subprocess.DEVNULL,
                   env=dict(os.environ, ZOOID_FUZZ_CORPUS=str(BUILD / "seeds")))


def fuzz(target, seconds):
    learnt, finds = BUILD / "corpus" / target, BUILD / "finds"
    learnt.mkdir(parents=True, exist_ok=True)
    finds.mkdir(exist_ok=True)
    done = subprocess.run(
        [BUILD / f"fuzz_{target}", f"-max_total_time={seconds}", "-malloc_limit_mb=64",
         "-rss_limit_mb=2048", "-timeout=10", "-max_len=65536", "-print_final_stats=1", "-verbosity=1",
         f"-artifact_prefix={finds}/{target}-", learnt, BUILD / "seeds" / target],
        capture_output=True, text=True, errors="replace")
    output = done.stdout + done.stderr
    runs = re.search(r"stat::number_of_executed_units: *(\d+)", output)
    coverage = re.findall(r"cov: (\d+)", output)
    print(f"{target:18} executions={runs[1] if runs else '?':>9} coverage="
          f"{coverage[-1] if coverage else '?':>6} {'ok' if done.returncode == 0 else 'FIND'}", flush=True)
    if done.returncode != 0:
        print("\n".join(output.splitlines()[-60:]))
    return done.returncode == 0


def main():
    parser = argparse.ArgumentParser(prog="./dev fuzz")
    parser.add_argument("target", nargs="*", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each")
    options = parser.parse_args()
    unknown = set(options.target) - set(TARGETS)
    if unknown:
        parser.error(f"no such fuzzer: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    targets = options.target or TARGETS
    build(targets)
    return 0 if all([fuzz(target, options.seconds) for target in targets]) else 1


if __name__ == "__main__":
    sys.exit(main())
