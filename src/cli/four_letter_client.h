// Asks servers four-letter words, all at once.
#pragma once

#include <string>
#include <vector>

#include "cli/terminal.h"

namespace zooid::cli {

struct WordQuestion {
  env::Endpoint server;
  std::string word;
};

struct WordAnswer {
  env::Endpoint server;
  bool reached = false;  // a connection was made
  bool ended = false;    // the server closed it, as it does behind an answer
  std::string text;      // what came
  env::Endpoint peer;    // the numeric address that was reached
  Error failure;         // not reached: why
};

// One answer to each question, in their order, at the latest after timeout_ms.
std::vector<WordAnswer> ask_words(Terminal& terminal, const std::vector<WordQuestion>& questions,
                                  int64_t timeout_ms = 3000);
std::vector<WordAnswer> ask_word(Terminal& terminal, const std::vector<env::Endpoint>& servers,
                                 std::string_view word, int64_t timeout_ms = 3000);

// The value of "Label: value" or "label=value" or "label<TAB>value"; empty if there is no such
// line.
std::string line_value(std::string_view text, std::string_view label);

}  // namespace zooid::cli
