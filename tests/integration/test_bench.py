"""`zooid bench` against servers that are not there, have their default limits, or go away."""

import json
import re
import subprocess

import harness
from harness import Ensemble, client, free_ports, standalone, wait_for


def bench(*arguments):
    return subprocess.run([harness.ZOOID, "bench", *arguments], capture_output=True, text=True,
                          timeout=100)


def default_server(**options):
    """With the limit of connections that a zoo.cfg without a word of it has."""
    server = standalone("zooid", **options)
    with open(server.config_path) as file:
        text = file.read().replace("maxClientCnxns=0\n", "")
    with open(server.config_path, "w") as file:
        file.write(text)
    server.start()
    server.wait_mode("standalone")
    return server


def children(server):
    return harness.zooid_cli(server.address, "ls", "/").strip()


def a_dead_port_ends_it_with_the_reason():
    port, = free_ports(1)
    # A run of an hour, would anybody answer.
    answer = bench("-s", f"127.0.0.1:{port}", "--seconds", "3600")
    assert answer.returncode == 1 and answer.stdout == "", answer
    assert f"127.0.0.1:{port} refused the connection" in answer.stderr, answer
    server = default_server()
    answer = bench("-s", f"{server.address},127.0.0.1:{port}", "--seconds", "3600")
    assert answer.returncode == 1 and f":{port} refused" in answer.stderr, answer
    answer = bench("-s", "no-such-host.invalid:1")
    assert answer.returncode == 1 and "no-such-host.invalid" in answer.stderr, answer
    assert children(server) == "[zookeeper]", children(server)
    server.kill()


def the_defaults_and_the_example_fit_a_server_with_default_settings():
    server = default_server()
    answer = bench("-s", server.address, "--seconds", "0.3", "--warm-up", "0")
    assert answer.returncode == 0 and answer.stderr == "", answer
    text = bench("--help").stdout
    example = re.search(r"zooid bench (-s localhost:2181 .*)", text).group(1)
    arguments = example.replace("localhost:2181", server.address).split()
    arguments[arguments.index("--seconds") + 1] = "0.3"
    answer = bench(*arguments)
    assert answer.returncode == 0 and " 0 errors, 0 connections lost" in answer.stdout, answer
    answer = bench("-s", server.address, "--connections", "61", "--seconds", "3600")
    assert answer.returncode == 1 and "maxClientCnxns" in answer.stderr, answer
    # Whatever happened, nothing is left.
    answer = bench("-s", server.address, "--mix", "create", "--nodes", "20", "--seconds", "0.3",
                   "--json")
    told = json.loads(answer.stdout)
    assert told["errors"] == 0 and told["operations"] > 0, told
    assert children(server) == "[zookeeper]", children(server)
    server.kill()


def bench_beside(event, *arguments):
    """Starts a run, waits until its load is on, calls event, gives the ended process."""
    process = subprocess.Popen([harness.ZOOID, "bench", *arguments], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    harness.ended_at_exit(process)
    event(process)
    out, err = process.communicate(timeout=100)
    return process.returncode, out, err


def wait_for_load(server):
    wait_for(lambda: int(server.monitor()["zk_packets_received"]) > 5000, 30, "load")


def service_that_goes_away_is_an_error_and_counts_as_silence():
    server = default_server()

    def kill(_):
        wait_for_load(server)
        server.kill()

    code, out, err = bench_beside(kill, "-s", server.address, "--seconds", "4", "--warm-up", "0",
                                  "--nodes", "50", "--json")
    told = json.loads(out)
    assert code == 1 and "no server answered for the last" in err, (code, err)
    assert "refused the connection" in err and "zooid-bench" in err, err
    assert told["lost_connections"] >= 32 and told["operations"] > 0, told
    # Not a figure of how fast it is, but what the silence of the rest of the run adds up to.
    assert told["longest_gap_ms"] / 1000 > told["seconds"] / 20, told


def a_server_of_three_that_goes_away_is_none():
    ensemble = Ensemble(["zooid"] * 3).start()
    leader = ensemble.wait_all()

    def kill(_):
        wait_for_load(leader)
        leader.kill()

    code, out, err = bench_beside(kill, "-s", ensemble.hosts(), "--seconds", "4", "--warm-up", "0",
                                  "--nodes", "50", "--json")
    told = json.loads(out)
    assert code == 0 and err == "", (code, err)
    assert told["lost_connections"] > 0, told
    zk = client(",".join(s.address for s in ensemble if s.alive()))
    assert zk.get_children("/") == ["zookeeper"]
    zk.stop()
    zk.close()
    ensemble.stop()


def interrupted_it_cleans_up():
    server = default_server()

    def interrupt(process):
        wait_for_load(server)
        process.send_signal(2)

    code, out, err = bench_beside(interrupt, "-s", server.address, "--seconds", "3600", "--warm-up", "0")
    assert code == 0 and "operations/s" in out, (code, out, err)
    assert children(server) == "[zookeeper]", children(server)
    server.kill()


def wrong_usage_ends_with_2():
    for arguments in (["--seconds", "0"], ["--seconds", "-1"], ["--seconds"], ["--connections", "0"],
                      ["--mix", "frob=1"], ["--mix", "get=0"], ["--size", "-1"], ["--rate", "-1"],
                      ["-s", "a:b:c"]):
        answer = bench(*arguments)
        assert answer.returncode == 2 and answer.stderr, (arguments, answer)


harness.main([a_dead_port_ends_it_with_the_reason,
              the_defaults_and_the_example_fit_a_server_with_default_settings,
              service_that_goes_away_is_an_error_and_counts_as_silence,
              a_server_of_three_that_goes_away_is_none, interrupted_it_cleans_up,
              wrong_usage_ends_with_2])
