"""The cross-check (zooid crosscheck): Zooid answers as Java ZooKeeper does, and the judge of that is a good
one (its self-test). The seeds are fixed, so every run plays the same operations.

test_crosscheck_long.py and test_crosscheck_java39.py play 200,000 operations."""

import subprocess

import harness
from crosscheck_servers import Pair, check, play

STANDALONE_SEEDS, ENSEMBLE_SEEDS = "1..40", "1001..1012"


def one_server_answers_as_java_and_the_self_test_finds_every_distortion():
    with Pair(1) as pair:
        check(play(pair, "--profile", "3.8", "--seeds", STANDALONE_SEEDS), STANDALONE_SEEDS, 16_000)
        run = subprocess.run(pair.command("--self-test", "--profile", "3.8", "--seeds", "1..10"),
                             capture_output=True, text=True, timeout=200)
        assert run.returncode == 0, run.stdout + run.stderr
        lines = run.stdout.splitlines()
        found = [line for line in lines if line.startswith("found ")]
        assert len(found) >= 30 and lines[-1] == f"{len(found)} of {len(found)} changes found", lines


def three_servers_answer_as_java_s_three():
    with Pair(3) as pair:
        check(play(pair, "--profile", "3.8", "--seeds", ENSEMBLE_SEEDS), ENSEMBLE_SEEDS, 4_000)


def a_difference_is_shown_shrunk_and_can_be_repeated():
    """Without quotas enforced on one side: the shortest sequence sets a quota and exceeds it."""
    reference = harness.standalone("zooid", "enforceQuota=true\n", tick_ms=2000).start()
    candidate = harness.standalone("zooid", "enforceQuota=false\n", tick_ms=2000).start()
    for server in (reference, candidate):
        server.wait_mode("standalone")
    command = [harness.ZOOID, "crosscheck", "--reference", reference.address, "--candidate",
               candidate.address, "--differences", "1"]
    run = subprocess.run(command + ["--seeds", "1..60"], capture_output=True, text=True, timeout=200)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "QUOTAEXCEEDED" in run.stdout, run.stdout
    assert "zookeeper_limits" in run.stdout, run.stdout
    seed = run.stdout.split("seed ")[1].split(":")[0]
    again = subprocess.run(command + ["--seeds", seed], capture_output=True, text=True, timeout=200)
    assert again.returncode == 1 and "QUOTAEXCEEDED" in again.stdout, again.stdout + again.stderr


def wrong_words_and_absent_servers_end_with_2():
    port, = harness.free_ports(1)
    for words in (["--reference", f"127.0.0.1:{port}", "--candidate", f"127.0.0.1:{port}"],
                  ["--reference", "127.0.0.1:1", "--candidate", "127.0.0.1:1", "--seeds", "x"]):
        run = subprocess.run([harness.ZOOID, "crosscheck", *words], capture_output=True, text=True,
                             timeout=60)
        assert run.returncode == 2 and run.stderr.strip(), (words, run)


if __name__ == "__main__":
    harness.main([
        one_server_answers_as_java_and_the_self_test_finds_every_distortion,
        three_servers_answer_as_java_s_three,
        a_difference_is_shown_shrunk_and_can_be_repeated,
        wrong_words_and_absent_servers_end_with_2,
    ])
