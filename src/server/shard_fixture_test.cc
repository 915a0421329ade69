// The bodies of the fixture's functions (a test source, so that they are not in the server
// library).
#include "server/shard_fixture.h"

namespace zooid::server::testing {

std::shared_ptr<state::Applied> HandReplica::apply(SessionId session, int32_t cxid,
                                                   wire::OpCode type, std::string_view body,
                                                   const std::vector<wire::Id>* ids) {
  const Zxid zxid = database.last_zxid().next();
  state::WriteRequest request;
  request.session = session;
  request.cxid = cxid;
  request.type = type;
  request.body = body;
  request.ids = ids;
  const wire::Txn txn = preparer->prepare(request, zxid, clock_.now().wall_ms);
  auto applied = std::make_shared<state::Applied>();
  database.apply(txn, applied.get());
  preparer->on_applied(zxid);
  return applied;
}

void HandReplica::take() {
  std::vector<ToReplica> messages;
  inbox.take_all(messages);
  for (ToReplica& message : messages) {
    if (auto* touched = std::get_if<TouchSessions>(&message)) {
      touches.push_back(std::move(*touched));
    } else if (auto* lost = std::get_if<ConnectionGone>(&message)) {
      gone.push_back(*lost);
    } else if (auto* inspect = std::get_if<Inspect>(&message)) {
      inspects.push_back(*inspect);
    } else {
      pending.push_back(std::move(message));
    }
  }
}

void HandReplica::commit(size_t count) {
  std::vector<SyncDone> held;
  for (; count > 0 && !pending.empty(); --count) {
    ToReplica message = std::move(pending.front());
    pending.pop_front();
    if (auto* session = std::get_if<NewSession>(&message)) {
      std::string body;
      wire::Writer(body).i32(session->timeout_ms);
      auto applied = apply(next_session, 0, wire::OpCode::kCreateSession, body, nullptr);
      next_session.value += 1;
      shard->push(AppliedTxn{applied,
                             {Reply{session->origin.connection, 0, wire::OpCode::kCreateSession}}});
    } else if (auto* attach = std::get_if<AttachSession>(&message)) {
      const bool known = database.sessions().contains(attach->session);
      shard->push(AttachResult{attach->origin.connection, attach->password_ok && known,
                               attach->session, attach->timeout_ms});
    } else if (auto* write = std::get_if<ClientWrite>(&message)) {
      if (write->type == wire::OpCode::kSync) {
        held.push_back({write->origin.connection, write->xid, database.last_zxid()});
        if (holds_syncs) continue;
        shard->push(held.back());
        held.clear();
        continue;
      }
      auto applied = apply(write->session, write->xid, write->type, write->body, write->ids.get());
      shard->push(AppliedTxn{applied, {Reply{write->origin.connection, write->xid, write->type}}});
    }
  }
  for (const SyncDone& done : held) shard->push(done);
}

void HandReplica::commit_foreign(wire::OpCode type, const std::string& body) {
  shard->push(AppliedTxn{apply(SessionId{77}, 1, type, body, nullptr), {}});
}

ShardFixture::ShardFixture() {
  config.client_port = 2181;
  config.tick_ms = 2000;
  config.data_dir = "/DATA";
  config.four_letter_words = {"*"};
  config.super_digest = HandReplica::super_digest();
}

void ShardFixture::start() {
  shard = std::make_unique<Shard>(0, config, network, clock, 1, replica.inbox);
  ASSERT_TRUE(shard->listen());
  replica.serve(shard->inbox());
  shard->on_batch(clock.now());
}

void ShardFixture::step() {
  network.deliver();
  shard->on_batch(clock.now());
  network.flush();
  if (shard->next_deadline() <= clock.now().mono_us) {
    shard->on_batch(clock.now());
    network.flush();
  }
  replica.take();
}

void ShardFixture::settle() {
  for (int i = 0; i < 64; ++i) {
    step();
    replica.commit();
  }
}

std::shared_ptr<TestPipe> ShardFixture::connect_open(int32_t timeout_ms) {
  auto pipe = network.connect_client();
  pipe->inbound = connect_frame(timeout_ms);
  settle();
  EXPECT_EQ(pipe->received.size(), 41u);
  wire::Reader in(std::string_view(pipe->received).substr(4));
  wire::ConnectResponse response;
  wire::read(in, response);
  sessions_[pipe.get()] = response.session_id;
  pipe->received.clear();
  return pipe;
}

Frame ShardFixture::next_frame(TestPipe& pipe) {
  wire::Reader in(pipe.received);
  const int32_t length = in.i32();
  Frame frame;
  frame.xid = in.i32();
  frame.zxid = in.i64();
  frame.err = in.i32();
  EXPECT_TRUE(in.ok()) << "no frame";
  if (!in.ok()) return frame;
  frame.body = pipe.received.substr(20, static_cast<size_t>(length) - 16);
  pipe.received.erase(0, static_cast<size_t>(length) + 4);
  return frame;
}

std::string ShardFixture::connect_frame(int32_t timeout_ms, SessionId session, std::string password,
                                        bool has_read_only, int64_t last_zxid) {
  wire::ConnectRequest request;
  request.timeout_ms = timeout_ms;
  request.session_id = session;
  request.password = std::move(password);
  request.has_read_only = has_read_only;
  request.last_zxid_seen = last_zxid;
  std::string out;
  const size_t begun = wire::begin_frame(out);
  wire::Writer writer(out);
  wire::write(writer, request);
  wire::end_frame(out, begun);
  return out;
}

std::string ShardFixture::frame(int32_t xid, wire::OpCode type, std::string_view body) {
  std::string out;
  wire::Writer writer(out);
  writer.i32(static_cast<int32_t>(8 + body.size()));
  writer.i32(xid);
  writer.i32(static_cast<int32_t>(type));
  writer.raw(body);
  return out;
}

std::string ShardFixture::create_body(std::string_view path, std::string_view data, int32_t flags) {
  wire::CreateRequest request;
  request.path = path;
  request.data = data;
  request.acl = {{wire::kPermAll, {"world", "anyone"}}};
  request.flags = flags;
  std::string body;
  wire::Writer writer(body);
  wire::write_create(writer, wire::OpCode::kCreate, request);
  return body;
}

std::string ShardFixture::create(int32_t xid, std::string_view path, std::string_view data,
                                 int32_t flags) {
  return frame(xid, wire::OpCode::kCreate, create_body(path, data, flags));
}

std::string ShardFixture::remove(int32_t xid, std::string_view path) {
  std::string body;
  wire::Writer writer(body);
  wire::write_path_version(writer, {path, -1});
  return frame(xid, wire::OpCode::kDelete, body);
}

std::string ShardFixture::set_data_body(std::string_view path, std::string_view data) {
  std::string body;
  wire::Writer writer(body);
  wire::write_set_data(writer, {path, data, -1});
  return body;
}

std::string ShardFixture::set_data(int32_t xid, std::string_view path, std::string_view data) {
  return frame(xid, wire::OpCode::kSetData, set_data_body(path, data));
}

std::string ShardFixture::get(int32_t xid, std::string_view path, bool watch) {
  return path_watch(xid, wire::OpCode::kGetData, path, watch);
}

std::string ShardFixture::path_watch(int32_t xid, wire::OpCode type, std::string_view path,
                                     bool watch) {
  std::string body;
  wire::Writer writer(body);
  wire::write_path_watch(writer, {path, watch});
  return frame(xid, type, body);
}

std::string ShardFixture::path_mode(int32_t xid, wire::OpCode type, std::string_view path,
                                    int32_t mode) {
  std::string body;
  wire::Writer writer(body);
  wire::write_path_mode(writer, {path, mode});
  return frame(xid, type, body);
}

std::string ShardFixture::data_of(const Frame& reply) {
  wire::Reader in(reply.body);
  return std::string(in.buffer());
}

}  // namespace zooid::server::testing
