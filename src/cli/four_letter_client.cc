#include "cli/four_letter_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace zooid::cli {
namespace {

class Asker : public env::StreamHandler {
 public:
  Asker(env::Network& network, WordAnswer& answer, std::string_view word, int64_t timeout_ms)
      : answer_(answer), word_(word) {
    // Before the end, so that the reason why there is no connection is told.
    stream_ = network.connect(answer.server, std::max<int64_t>(timeout_ms - 200, 1), *this);
  }
  bool done() const { return done_; }

  void on_connected() override {
    answer_.reached = true;
    answer_.peer = stream_->peer();
    stream_->output().append(word_);
  }
  void on_bytes(std::string_view bytes) override {
    constexpr size_t kTextBytesMax = 1u << 20;  // whoever it is that answers
    if (answer_.text.size() < kTextBytesMax) answer_.text.append(bytes);
  }
  void on_closed(const Error& reason) override {
    done_ = true;
    answer_.ended = answer_.reached;
    answer_.failure = reason;
  }

 private:
  WordAnswer& answer_;
  std::string word_;
  std::unique_ptr<env::Stream> stream_;
  bool done_ = false;
};

}  // namespace

std::vector<WordAnswer> ask_words(Terminal& terminal, const std::vector<WordQuestion>& questions,
                                  int64_t timeout_ms) {
  std::vector<WordAnswer> answers(questions.size());
  std::vector<std::unique_ptr<Asker>> askers;
  for (size_t i = 0; i < questions.size(); ++i) {
    answers[i].server = questions[i].server;
    askers.push_back(
        std::make_unique<Asker>(terminal.network, answers[i], questions[i].word, timeout_ms));
  }
  terminal.run_until(
      [&] {
        return std::all_of(askers.begin(), askers.end(), [](const auto& a) { return a->done(); });
      },
      timeout_ms);
  for (size_t i = 0; i < questions.size(); ++i) {
    if (askers[i]->done()) continue;
    answers[i].failure = {Error::Kind::kTimeout, fmt::format("no answer within {} ms", timeout_ms)};
  }
  return answers;
}

std::vector<WordAnswer> ask_word(Terminal& terminal, const std::vector<env::Endpoint>& servers,
                                 std::string_view word, int64_t timeout_ms) {
  std::vector<WordQuestion> questions;
  for (const env::Endpoint& server : servers) questions.push_back({server, std::string(word)});
  return ask_words(terminal, questions, timeout_ms);
}

std::string line_value(std::string_view text, std::string_view label) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.starts_with(label)) continue;
    std::string_view rest = line.substr(label.size());
    if (rest.empty() || (rest[0] != ':' && rest[0] != '=' && rest[0] != '\t')) continue;
    rest.remove_prefix(1);
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    return std::string(rest);
  }
  return "";
}

}  // namespace zooid::cli
