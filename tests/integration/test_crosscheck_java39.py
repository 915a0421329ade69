"""The cross-check at length against Java 3.9.5, the version that Zooid follows: 200,000 operations of 500
seeds, one server and three. Debian has no 3.9.5: without a class path (crosscheck_servers.py) the test is
reported as skipped."""

import sys

import harness
from crosscheck_servers import JAVA_39_CLASS_PATH, long_run

SKIPPED = 77  # SKIP_RETURN_CODE in tests/CMakeLists.txt


def one_server_answers_as_java_3_9():
    long_run(1, "3.9", JAVA_39_CLASS_PATH)


def three_servers_answer_as_three_of_java_3_9():
    long_run(3, "3.9", JAVA_39_CLASS_PATH)


if __name__ == "__main__":
    if not JAVA_39_CLASS_PATH:
        print("NOT RUN: ZOOID_JAVA_39_CLASSPATH names no class path of ZooKeeper 3.9.5")
        sys.exit(SKIPPED)
    harness.main([one_server_answers_as_java_3_9, three_servers_answer_as_three_of_java_3_9])
