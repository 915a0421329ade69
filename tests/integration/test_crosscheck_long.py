"""The cross-check at length against Java 3.8.0: 200,000 operations of 500 seeds, one server and three."""

import harness
from crosscheck_servers import long_run


def one_server_answers_as_java_3_8():
    long_run(1, "3.8")


def three_servers_answer_as_three_of_java_3_8():
    long_run(3, "3.8")


if __name__ == "__main__":
    harness.main([one_server_answers_as_java_3_8, three_servers_answer_as_three_of_java_3_8])
