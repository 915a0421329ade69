#include "bin/prompt.h"

#include <editline/readline.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/assert.h"

namespace zooid::bin {
namespace {

constexpr int kHistoryLines = 1'000;
constexpr int64_t kForEver = INT64_MAX / 2'000;

// libedit calls back without a context, so the one prompt stands here.
class Prompt {
 public:
  Prompt(LoopTerminal& loop, cli::Shell& shell) : loop_(loop), shell_(shell) {
    ASSERT(current == nullptr);
    current = this;
    rl_readline_name = "zooid";
    rl_initialize();
    rl_attempted_completion_function = &Prompt::complete;
    // Paths and options are words here: what readline takes for breaks stays inside.
    rl_basic_word_break_characters = " \t\n";
    using_history();
    stifle_history(kHistoryLines);
    if (const char* home = std::getenv("HOME")) {
      history_path_ = std::string(home) + "/.zooid_history";
      read_history(history_path_.c_str());
    }
    shell_.on_notice([this](std::string_view text) { show_above(text); });
  }

  ~Prompt() {
    remove_line();
    if (!history_path_.empty()) {
      write_history(history_path_.c_str());
      ::chmod(history_path_.c_str(), S_IRUSR | S_IWUSR);  // data may stand in it
    }
    shell_.on_notice([](std::string_view text) {
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fflush(stdout);
    });
    current = nullptr;
  }

  int run() {
    int code = 0;
    show_line();
    while (!shell_.quit_requested() && !is_at_end_) {
      loop_.wait_for_input(kForEver);
      if (loop_.take_interrupt()) {
        std::fputs("^C\n", stdout);
        remove_line();
        show_line();
        continue;
      }
      while (is_readable() && !is_at_end_ && !line_) rl_callback_read_char();
      if (!line_) continue;
      const std::string line = std::move(*line_);
      line_.reset();
      if (!line.empty()) add_history(line.c_str());
      code = shell_.run_line(line);
      std::fflush(stdout);
      if (!shell_.quit_requested()) show_line();
    }
    return code;
  }

 private:
  static bool is_readable() {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    return poll(&input, 1, 0) > 0 && (input.revents & (POLLIN | POLLHUP | POLLERR)) != 0;
  }

  void show_line() {
    prompt_ = shell_.prompt();
    rl_callback_handler_install(prompt_.c_str(), &Prompt::take_line);
    has_line_ = true;
  }

  void remove_line() {
    if (!has_line_) return;
    rl_callback_handler_remove();
    has_line_ = false;
  }

  // The line that is being typed goes down for the text.
  void show_above(std::string_view text) {
    if (has_line_) std::fputs("\r\033[K", stdout);
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (has_line_) {
      if (text.empty() || text.back() != '\n') std::fputc('\n', stdout);
      std::fflush(stdout);
      rl_forced_update_display();
    }
    std::fflush(stdout);
  }

  static void take_line(char* line) {
    Prompt& prompt = *current;
    prompt.remove_line();
    if (line == nullptr) {
      std::fputc('\n', stdout);
      prompt.is_at_end_ = true;
      return;
    }
    prompt.line_ = line;
    std::free(line);
  }

  static char** complete(const char* word, int, int) {
    Prompt& prompt = *current;
    rl_attempted_completion_over = 1;  // never names of files
    // Up to the word's end; what is behind the cursor does not count.
    const std::string line(rl_line_buffer, static_cast<size_t>(rl_point));
    prompt.matches_ = prompt.shell_.complete(line);
    prompt.next_match_ = 0;
    // A path goes on behind it, a command does not.
    rl_completion_append_character = word[0] == '/' ? '\0' : ' ';
    return rl_completion_matches(word, &Prompt::next_match);
  }

  static char* next_match(const char*, int) {
    Prompt& prompt = *current;
    if (prompt.next_match_ == prompt.matches_.size()) return nullptr;
    return strdup(prompt.matches_[prompt.next_match_++].c_str());
  }

  static Prompt* current;
  LoopTerminal& loop_;
  cli::Shell& shell_;
  std::string history_path_;
  std::string prompt_;
  std::optional<std::string> line_;
  std::vector<std::string> matches_;
  size_t next_match_ = 0;
  bool has_line_ = false;
  bool is_at_end_ = false;
};

Prompt* Prompt::current = nullptr;

}  // namespace

int run_prompt_on_terminal(LoopTerminal& loop, cli::Shell& shell) {
  return Prompt(loop, shell).run();
}

}  // namespace zooid::bin
