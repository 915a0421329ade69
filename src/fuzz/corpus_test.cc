// Every fuzz target over its corpus, so that the fuzzers' code stays alive with the usual compiler:
// as captured, cut short, and with single bytes changed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "base/random.h"
#include "fuzz/targets.h"

namespace zooid::fuzz {
namespace {

constexpr size_t kVariantsMax = 20;
constexpr size_t kInputsMax = 150;

class Corpus : public testing::TestWithParam<Target> {};

TEST_P(Corpus, is_read_in_any_state) {
  log::set_sink([](log::Level, std::string_view) {});
  const Target target = GetParam();
  const std::vector<std::string> corpus = corpus_of(target.name);
  ASSERT_GT(corpus.size(), 10u);
  const char* directory =
      std::getenv("ZOOID_FUZZ_CORPUS");  // ./dev fuzz: written out for libFuzzer
  Random random(1);
  target.run("");
  for (size_t i = 0; i < corpus.size(); ++i) {
    const std::string& input = corpus[i];
    if (directory != nullptr) {
      const auto folder = std::filesystem::path(directory) / target.name;
      std::filesystem::create_directories(folder);
      std::ofstream(folder / std::to_string(i), std::ios::binary) << input;
      continue;
    }
    if (!random.one_in(corpus.size() / kInputsMax + 1)) continue;
    target.run(input);
    for (size_t n = 0; n < std::min(kVariantsMax, input.size()); ++n) {
      target.run(std::string_view(input).substr(0, random.below(input.size())));
      std::string changed = input;
      changed[random.below(changed.size())] = static_cast<char>(random.next());
      target.run(changed);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Corpus, testing::ValuesIn(kTargets),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace zooid::fuzz
