// The shadow of `zooid crosscheck --proxy` on a network in memory, with a candidate that answers
// what the test says.
#include "cli/crosscheck_shadow.h"

#include <gmock/gmock.h>

#include "cli/crosscheck_frames.h"
#include "env/memory_network.h"

namespace zooid::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using wire::OpCode;

constexpr uint16_t kPort = 2181;

// The candidate's end of one connection: keeps what it was asked.
struct Asked : env::StreamHandler {
  explicit Asked(std::unique_ptr<env::Stream> stream) : stream(std::move(stream)) {}
  void on_bytes(std::string_view bytes) override {
    input += bytes;
    take_frames(input, [this](std::string_view frame) { frames.emplace_back(frame); });
  }
  void on_closed(const Error&) override { is_closed = true; }
  // The xids of what was asked behind the handshake.
  std::vector<int32_t> xids() const {
    std::vector<int32_t> result;
    for (size_t i = 1; i < frames.size(); ++i) result.push_back(wire::Reader(frames[i]).i32());
    return result;
  }

  std::unique_ptr<env::Stream> stream;
  std::string input;
  std::vector<std::string> frames;
  bool is_closed = false;
};

class ShadowTest : public testing::Test, public env::Worker {
 protected:
  ShadowTest() {
    limits.bytes_max = 100'000;
    proxy.add_worker(*this);
    listen();
  }
  ~ShadowTest() override {
    shadow.reset();
    proxy.remove_worker(*this);
  }

  void on_batch(Now now) override {
    if (shadow) shadow->step(now);
  }
  int64_t next_deadline() const override { return shadow ? shadow->next_deadline() : kNever; }

  void listen() {
    listener = *candidate.listen({"", kPort}, 16, [this](std::unique_ptr<env::Stream> stream) {
      asked.push_back(std::make_unique<Asked>(std::move(stream)));
      return asked.back().get();
    });
  }
  void start() {
    shadow =
        std::make_unique<Shadow>(proxy, proxy, env::Endpoint{"candidate", kPort}, judge, limits);
  }
  void pass_ms(int64_t ms) {
    proxy.wake();
    network.run_for_ms(ms);
  }

  // What the proxy tells of its clients and the reference.
  void handshake(uint64_t client, int64_t session) {
    shadow->begin(client);
    shadow->handshake(client,
                      wire::ConnectRequest{.timeout_ms = 10'000, .password = std::string(16, '\0')},
                      response_of(session));
  }
  void write(uint64_t client, int32_t xid, int64_t zxid, const std::string& path,
             size_t data_bytes = 1) {
    PlannedRequest request{.xid = xid, .type = static_cast<int32_t>(OpCode::kCreate)};
    wire::Writer out(request.body);
    const std::string data(data_bytes, 'x');
    wire::write_create(out, OpCode::kCreate, {path, data, {{31, {"world", "anyone"}}}, false, 0});
    shadow->exchange(client, std::move(request), {xid, zxid, 0}, path_reply(path));
  }
  void read(uint64_t client, int32_t xid, int64_t zxid, const std::string& data) {
    PlannedRequest request{.xid = xid, .type = static_cast<int32_t>(OpCode::kGetData)};
    wire::Writer out(request.body);
    wire::write_path_watch(out, {"/a", false});
    shadow->exchange(client, std::move(request), {xid, zxid, 0}, data_reply(data));
  }

  // What the candidate says.
  void answer_handshake(size_t connection, int64_t session) {
    std::string frame;
    wire::Writer out(frame);
    write_response(out, session);
    send(connection, frame);
  }
  void reply(size_t connection, int32_t xid, int64_t zxid, const std::string& body,
             int32_t err = 0) {
    std::string frame;
    wire::Writer out(frame);
    wire::write(out, wire::ReplyHeader{xid, zxid, err});
    send(connection, frame + body);
  }
  void send(size_t connection, std::string_view frame) {
    std::string& out = asked.at(connection)->stream->output();
    const size_t begun = wire::begin_frame(out);
    out.append(frame);
    wire::end_frame(out, begun);
    candidate.wake();
    network.run_for_ms(5);
  }

  static std::string path_reply(const std::string& path) {
    std::string body;
    wire::Writer(body).buffer(path);
    return body;
  }
  static std::string data_reply(const std::string& data) {
    std::string body;
    wire::Writer out(body);
    out.buffer(data);
    wire::write(out, wire::Stat{});
    return body;
  }
  static wire::ConnectResponse response_of(int64_t session) {
    wire::ConnectResponse response;
    response.timeout_ms = 10'000;
    response.session_id = SessionId{session};
    response.password = std::string(16, 'p');
    return response;
  }
  static void write_response(wire::Writer& out, int64_t session) {
    wire::write(out, response_of(session));
  }
  // A client with a session on both sides.
  void attach(uint64_t client, int64_t session) {
    handshake(client, session);
    pass_ms(20);
    answer_handshake(asked.size() - 1, session + 0x1000);
  }

  env::MemoryNetwork network{7};
  env::MemoryHost& proxy = network.add_host("proxy");
  env::MemoryHost& candidate = network.add_host("candidate");
  std::vector<std::unique_ptr<Asked>> asked;
  std::unique_ptr<env::Listener> listener;
  std::vector<ProxyFinding> findings;
  ProxyJudge judge{CrosscheckProfile::k39,
                   [this](const ProxyFinding& finding) { findings.push_back(finding); }};
  ShadowLimits limits;
  std::unique_ptr<Shadow> shadow;
};

TEST_F(ShadowTest, asks_the_candidate_what_the_reference_answered_a_moment_before) {
  start();
  EXPECT_TRUE(shadow->is_settled());
  handshake(1, 0x11);
  pass_ms(5);
  EXPECT_THAT(asked, IsEmpty()) << "what was answered before on other connections may still come";
  EXPECT_FALSE(shadow->is_settled());
  pass_ms(15);
  ASSERT_EQ(asked.size(), 1u);
  ASSERT_EQ(asked[0]->frames.size(), 1u);
  answer_handshake(0, 0x1011);
  write(1, 1, 5, "/a");
  read(1, 2, 5, "x");
  write(1, 3, 6, "/b");
  pass_ms(20);
  EXPECT_THAT(asked[0]->xids(), ElementsAre(1, 2, 3)) << "one connection needs no wait";
  wire::Reader in(asked[0]->frames[1]);
  EXPECT_EQ(in.i32(), 1);
  EXPECT_EQ(in.i32(), static_cast<int32_t>(OpCode::kCreate));
  EXPECT_EQ(in.buffer(), "/a");
  reply(0, 1, 105, path_reply("/a"));
  reply(0, 2, 105, data_reply("x"));
  EXPECT_FALSE(shadow->is_settled());
  reply(0, 3, 106, path_reply("/b"));
  EXPECT_TRUE(shadow->is_settled());
  EXPECT_EQ(judge.counts().exchanges, 4u);
  EXPECT_THAT(findings, IsEmpty());
  EXPECT_EQ(shadow->dropped(), "");
}

TEST_F(ShadowTest, writes_of_several_clients_go_one_by_one_in_the_order_of_their_zxids) {
  start();
  attach(1, 0x11);
  attach(2, 0x12);
  write(2, 21, 6, "/second");
  read(2, 22, 6, "x");
  write(1, 11, 5, "/first");
  write(1, 12, 7, "/third");
  pass_ms(20);
  EXPECT_THAT(asked[0]->xids(), ElementsAre(11));
  EXPECT_THAT(asked[1]->xids(), IsEmpty());
  reply(0, 11, 105, path_reply("/first"));
  pass_ms(5);
  EXPECT_THAT(asked[1]->xids(), ElementsAre(21, 22));
  EXPECT_THAT(asked[0]->xids(), ElementsAre(11)) << "a write waits for the reads of before it, too";
  reply(1, 21, 106, path_reply("/second"));
  pass_ms(5);
  EXPECT_THAT(asked[0]->xids(), ElementsAre(11));
  reply(1, 22, 106, data_reply("x"));
  pass_ms(5);
  EXPECT_THAT(asked[0]->xids(), ElementsAre(11, 12));
  reply(0, 12, 107, path_reply("/third"));
  EXPECT_TRUE(shadow->is_settled());
  EXPECT_THAT(findings, IsEmpty());
}

TEST_F(ShadowTest, answers_that_differ_or_come_in_another_order_are_told) {
  start();
  attach(1, 0x11);
  read(1, 1, 4, "x");
  read(1, 2, 4, "x");
  read(1, 3, 4, "x");
  pass_ms(20);
  reply(0, 1, 104, data_reply("y"));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].connection, "connection 1");
  EXPECT_THAT(findings[0].request, HasSubstr("/a"));
  reply(0, 3, 104, data_reply("x"));
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_THAT(findings[1].candidate, HasSubstr("overtook-a-request"));
  reply(0, 2, 104, data_reply("x"));
  EXPECT_EQ(findings.size(), 2u);
  reply(0, 4, 104, data_reply("x"));
  ASSERT_EQ(findings.size(), 3u);
  EXPECT_EQ(findings[2].request, "a reply that was not asked for");
  EXPECT_EQ(judge.counts().differences, 3u);
  EXPECT_EQ(shadow->dropped(), "") << "a difference is no reason to stop";
}

TEST_F(ShadowTest, keeps_no_more_than_its_bound) {
  start();
  attach(1, 0x11);
  write(1, 1, 5, "/a", 60'000);
  pass_ms(20);
  ASSERT_THAT(asked[0]->xids(), ElementsAre(1));
  write(1, 2, 6, "/b", 30'000);
  EXPECT_EQ(shadow->dropped(), "") << "in flight and waiting together are less than the bound";
  write(1, 3, 7, "/c", 20'000);
  EXPECT_EQ(shadow->dropped(), "the candidate is too slow: more than 100000 bytes wait for it");
  pass_ms(20);
  EXPECT_TRUE(asked[0]->is_closed);
  EXPECT_TRUE(shadow->is_settled());
  EXPECT_EQ(shadow->next_deadline(), kNever);
  // From then on nothing is kept and nobody is asked.
  handshake(2, 0x12);
  write(1, 4, 8, "/d", 500'000);
  pass_ms(100);
  EXPECT_EQ(asked.size(), 1u);
}

TEST_F(ShadowTest, what_was_answered_makes_room) {
  start();
  attach(1, 0x11);
  for (int32_t xid = 1; xid <= 10; ++xid) {
    const std::string path = "/n" + std::to_string(xid);
    write(1, xid, 4 + xid, path, 60'000);
    pass_ms(20);
    reply(0, xid, 104 + xid, path_reply(path));
  }
  EXPECT_EQ(shadow->dropped(), "");
  EXPECT_THAT(findings, IsEmpty());
}

TEST_F(ShadowTest, is_dropped_when_the_candidate_is_gone) {
  start();
  attach(1, 0x11);
  write(1, 1, 5, "/a");
  pass_ms(20);
  candidate.kill();
  pass_ms(4'000);
  EXPECT_EQ(shadow->dropped(), "the candidate is gone");
  EXPECT_THAT(findings, IsEmpty()) << "a dead server gives no wrong answers";
  EXPECT_TRUE(shadow->is_settled());
}

TEST_F(ShadowTest, a_connection_that_a_living_candidate_closes_is_a_difference) {
  start();
  attach(1, 0x11);
  write(1, 1, 5, "/a");
  pass_ms(20);
  asked[0]->stream->close();
  candidate.wake();
  pass_ms(20);
  ASSERT_EQ(asked.size(), 2u) << "the shadow asks whether anybody is there";
  EXPECT_EQ(shadow->dropped(), "");
  answer_handshake(1, 0);
  pass_ms(20);
  EXPECT_EQ(shadow->dropped(), "the candidate closed connection 1");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].candidate, "closed by the server");
  EXPECT_THAT(findings[0].request, HasSubstr("/a"));
}

TEST_F(ShadowTest, is_dropped_when_no_answer_comes) {
  start();
  attach(1, 0x11);
  write(1, 1, 5, "/a");
  pass_ms(limits.answer_timeout_ms - 500);
  EXPECT_EQ(shadow->dropped(), "");
  pass_ms(1'000);
  EXPECT_THAT(shadow->dropped(), HasSubstr("the candidate has not answered for 10000 ms"));
  EXPECT_THAT(shadow->dropped(), HasSubstr("/a"));
}

TEST_F(ShadowTest, a_client_that_left_is_replayed_to_its_end_and_forgotten) {
  start();
  attach(1, 0x11);
  write(1, 1, 5, "/a");
  shadow->end(1);
  pass_ms(20);
  ASSERT_THAT(asked[0]->xids(), ElementsAre(1)) << "the reference has done it";
  EXPECT_FALSE(asked[0]->is_closed);
  reply(0, 1, 105, path_reply("/a"));
  pass_ms(300);
  EXPECT_TRUE(asked[0]->is_closed);
  EXPECT_EQ(shadow->dropped(), "");
  EXPECT_EQ(shadow->next_deadline(), kNever);
  EXPECT_THAT(findings, IsEmpty());
}

TEST_F(ShadowTest, an_event_that_the_candidate_owes_is_told_at_the_end) {
  start();
  attach(1, 0x11);
  read(1, 1, 4, "x");
  std::string body;
  wire::Writer out(body);
  out.i32(3);  // NodeDataChanged
  out.i32(3);
  out.buffer("/a");
  shadow->event(1, {wire::kXidNotification, 5, 0}, body);
  shadow->event(1, {wire::kXidNotification, 6, 0}, body);
  pass_ms(20);
  reply(0, 1, 104, data_reply("x"));
  EXPECT_FALSE(shadow->is_settled()) << "two events are owed";
  reply(0, wire::kXidNotification, 105, body);
  EXPECT_THAT(findings, IsEmpty());
  shadow->finish();
  pass_ms(1'000);
  EXPECT_TRUE(shadow->is_settled());
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].candidate, "nothing");
}

}  // namespace
}  // namespace zooid::cli
