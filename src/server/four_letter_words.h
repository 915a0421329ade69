// Four-letter words (client-protocol 12, operations 1): plain text for people and monitoring. The
// formats are ZooKeeper's, line for line, because tools parse them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "server/long_answer.h"
#include "server/shard_core.h"

namespace zooid::server {

// Whether the first four bytes of a connection are a word; anything else is a frame length.
bool is_four_letter_word(std::string_view word);
// Bytes that follow the word (stmk: its mask).
size_t word_argument_bytes(std::string_view word);

// What the replica must be asked before the word can be answered; nullopt: it is answered at once
// (also because it is not in the whitelist). Origin is left to the caller.
std::optional<Inspect> facts_wanted(const ShardCore& core, std::string_view word);

// The whole answer, or what goes before the list that is given. `facts` is null for words that need
// none, and when the replica did not answer in time, which the text then says.
std::string answer_word(ShardCore& core, std::string_view word, std::string_view argument,
                        const ReplicaFacts* facts, std::optional<LongAnswer>& list);

// One connection as `cons` (long) and `stat` (short) show it, with its line end.
std::string connection_line(const ClientConnection& connection, bool is_long);
// Java's text of a decimal: at least one digit behind the point, at most four.
std::string decimal_text(double value);

}  // namespace zooid::server
