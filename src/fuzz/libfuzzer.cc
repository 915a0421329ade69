// The entry of libFuzzer for the target that the build names.
#include <gtest/gtest.h>

#include <cstdint>

#include "base/log.h"
#include "fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const bool is_quiet = [] {
    zooid::log::set_sink([](zooid::log::Level, std::string_view) {});
    GTEST_FLAG_SET(break_on_failure, true);  // an expectation of a driver is a find, too
    return true;
  }();
  (void)is_quiet;
  zooid::fuzz::ZOOID_FUZZ_TARGET({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
