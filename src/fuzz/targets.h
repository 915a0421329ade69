// What is fuzzed: everything that reads bytes from outside. Each target takes any bytes and
// returns; a broken assertion, a read beyond the bytes or memory out of proportion is a find. Run
// by libFuzzer
// (./dev fuzz) and, over the corpus made from tests/golden, by an ordinary test.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace zooid::fuzz {

void frames(std::string_view bytes);             // a client behind its handshake
void four_letter_words(std::string_view bytes);  // the first bytes of a client's connection
void records(std::string_view bytes);            // requests and transactions; first byte: which
void txn_log(std::string_view bytes);            // a log file, read and recovered from
void snapshot(std::string_view bytes);           // a snapshot file; first byte: its compression
void zoo_cfg(std::string_view bytes);            // zoo.cfg and a configuration text
void election_stream(std::string_view bytes);    // what a peer sends to the election port
void quorum_stream(std::string_view bytes);      // packets between leader and learner
// Valid packets in any order and segmentation, to a machine in any state: the bytes are decisions.
void leader_packets(std::string_view bytes);
void learner_packets(std::string_view bytes);
void election_messages(std::string_view bytes);

struct Target {
  std::string_view name;
  void (*run)(std::string_view bytes);
};
inline constexpr Target kTargets[] = {
    {"frames", frames},
    {"four_letter_words", four_letter_words},
    {"records", records},
    {"txn_log", txn_log},
    {"snapshot", snapshot},
    {"zoo_cfg", zoo_cfg},
    {"election_stream", election_stream},
    {"quorum_stream", quorum_stream},
    {"leader_packets", leader_packets},
    {"learner_packets", learner_packets},
    {"election_messages", election_messages},
};

// Inputs to begin with, from tests/golden.
std::vector<std::string> corpus_of(std::string_view target);

}  // namespace zooid::fuzz
