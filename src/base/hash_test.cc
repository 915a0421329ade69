#include "base/hash.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace zooid {
namespace {

class HashTest : public testing::Test {
 protected:
  ~HashTest() override { hash_key = HashKey{}; }
};

TEST_F(HashTest, the_same_key_gives_the_same_value) {
  EXPECT_EQ(keyed_hash("name"), keyed_hash(std::string("name")));
  EXPECT_EQ(keyed_hash(7, "name"), keyed_hash(7, std::string("name")));
}

TEST_F(HashTest, another_key_gives_other_values) {
  const uint64_t before = keyed_hash("name");
  hash_key = {1, 2};
  EXPECT_NE(keyed_hash("name"), before);
  const uint64_t low_changed = keyed_hash("name");
  hash_key = {1, 3};
  EXPECT_NE(keyed_hash("name"), low_changed);
}

// What collides in one process says nothing of another one.
TEST_F(HashTest, texts_that_collide_under_one_key_do_not_under_another) {
  constexpr uint64_t kMask = 0xfff;
  std::vector<std::string> colliding;
  for (int i = 0; colliding.size() < 64; ++i) {
    const std::string text = "/w" + std::to_string(i);
    if ((keyed_hash(text) & kMask) == 0) colliding.push_back(text);
  }
  hash_key = {0x1234'5678, 0x9abc'def0};
  std::set<uint64_t> places;
  for (const std::string& text : colliding) places.insert(keyed_hash(text) & kMask);
  EXPECT_GT(places.size(), 56u);
}

TEST_F(HashTest, every_byte_and_the_length_count) {
  std::set<uint64_t> seen;
  std::string text(24, 'a');
  seen.insert(keyed_hash(text));
  for (size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = 'b';
    seen.insert(keyed_hash(other));
    seen.insert(keyed_hash(text.substr(0, i)));
  }
  seen.insert(keyed_hash(text + '\0'));
  EXPECT_EQ(seen.size(), 2 * text.size() + 2);
}

}  // namespace
}  // namespace zooid
