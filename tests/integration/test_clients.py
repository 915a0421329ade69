"""Existing clients against Zooid: kazoo's recipes, the C client and Java's zkCli.sh, on one server and
on an ensemble whose leader is killed in the middle. Each prints how many of its checks passed. `--java`
runs the same against Java ZooKeeper, to judge whether a failure is ours."""

import sys

import harness
import interop
import kazoo_checks
import shell_checks
from harness import client, standalone

KIND = "zooid"
SETTINGS = "extendedTypesEnabled=true\n"
KAZOO = 20
SURVIVORS = 7


def judged(name, count, run, *arguments):
    checks = interop.Checks(name)
    run(*arguments[:1], checks, *arguments[1:])
    checks.finish(count)


def one_server():
    server = standalone(KIND, settings=SETTINGS, tick_ms=1000).start()
    server.wait_mode("standalone")
    judged("kazoo", KAZOO, kazoo_checks.run, server.address)
    judged("cli_mt", shell_checks.C_COUNT, shell_checks.c_client, server.address)
    judged("zkCli.sh", shell_checks.ZKCLI_COUNT, shell_checks.zkcli, server.address)


def ensemble_with_leader_kills():
    """A kill for each client; the killed server is back before the next one."""
    ensemble = harness.Ensemble([KIND] * 3, tick_ms=1000, settings=SETTINGS).start()

    def killed_in_the_middle(name, count, run):
        leader = ensemble.wait_all()

        def kill():
            leader.kill()
            ensemble.wait_leader()

        judged(name, count, run, ensemble.hosts(), kill)
        leader.start()
        leader.wait_mode("follower")

    killed_in_the_middle("kazoo", KAZOO + SURVIVORS, kazoo_checks.run)
    killed_in_the_middle("cli_mt", shell_checks.C_COUNT, shell_checks.c_client)
    zk = client(ensemble.hosts())
    zk.delete("/c-client", recursive=True)
    zk.stop()
    zk.close()
    killed_in_the_middle("zkCli.sh", shell_checks.ZKCLI_COUNT, shell_checks.zkcli)


if "--java" in sys.argv:
    sys.argv.remove("--java")
    KIND = "java"
harness.main([one_server, ensemble_with_leader_kills])
