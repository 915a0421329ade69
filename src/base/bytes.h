// Bytes: an immutable, reference-counted run of bytes. A transaction is serialised once and the
// same Bytes go to the log and to every peer. Copies share; may be shared between threads.
#pragma once

#include <atomic>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace zooid {

class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(std::string_view content) {
    if (content.empty()) return;
    block_ = new (::operator new(sizeof(Block) + content.size())) Block{{1}, content.size()};
    std::memcpy(static_cast<void*>(block_ + 1), content.data(), content.size());
  }
  Bytes(const Bytes& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Bytes(Bytes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Bytes& operator=(Bytes other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Bytes() {
    if (block_ != nullptr && block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      ::operator delete(block_);
    }
  }

  std::string_view view() const {
    return block_ == nullptr
               ? std::string_view{}
               : std::string_view{reinterpret_cast<const char*>(block_ + 1), block_->size};
  }
  size_t size() const { return block_ == nullptr ? 0 : block_->size; }
  bool empty() const { return block_ == nullptr; }

 private:
  struct Block {
    std::atomic<size_t> references;
    size_t size;
  };
  Block* block_ = nullptr;
};

}  // namespace zooid
