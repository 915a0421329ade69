// One connection of the election links. Private to them.
#pragma once

#include <memory>

#include "server/election_links.h"

namespace zooid::server {

class ElectionLinks::Link final : public env::StreamHandler {
 public:
  enum class Stage { kConnecting, kAwaitingHello, kKept, kEnded };

  Link(ElectionLinks& owner, Stage stage)
      : owner(owner), stage(stage), decoder(stage == Stage::kAwaitingHello) {}

  void on_connected() override { owner.on_connected(*this); }
  void on_bytes(std::string_view bytes) override { owner.on_bytes(*this, bytes); }
  void on_room() override { owner.on_room(*this); }
  void on_closed(const Error& reason) override {
    is_stream_closed = true;
    owner.on_closed(*this, reason);
  }

  ElectionLinks& owner;
  Stage stage;
  ServerId peer;                          // not known before the hello
  bool is_to_configured_address = false;  // this server called, where zoo.cfg says the peer is
  int64_t hello_deadline_us = kNever;
  wire::ElectionStreamDecoder decoder;
  std::unique_ptr<env::Stream> stream;
  bool is_stream_closed = false;
};

}  // namespace zooid::server
