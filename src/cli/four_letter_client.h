// Asks servers four-letter words, all at once.
#pragma once

#include <string>
#include <vector>

#include "cli/terminal.h"

namespace zooid::cli {

struct WordAnswer {
  env::Endpoint server;
  bool reached = false;
  std::string text;   // the whole answer
  std::string error;  // why it was not reached
};

std::vector<WordAnswer> ask_word(Terminal& terminal, const std::vector<env::Endpoint>& servers,
                                 std::string_view word, int64_t timeout_ms = 3000);

// The value of "Label: value" or "label=value" or "label<TAB>value"; empty if there is no such
// line.
std::string line_value(std::string_view text, std::string_view label);

}  // namespace zooid::cli
