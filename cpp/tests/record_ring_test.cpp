#include <cstring>
#include <thread>

#include "check.hpp"
#include "metaworld_rt/error.hpp"
#include "metaworld_rt/record.hpp"

using namespace metaworld_rt;

namespace {

std::span<const std::byte> text(const char* s) { return std::as_bytes(std::span(s, std::strlen(s))); }
std::string as_text(const Record& r) { return {reinterpret_cast<const char*>(r.bytes.data()), r.bytes.size()}; }

struct Keep : RecordSink {
  std::vector<std::string> kept;
  bool flushed = false;
  std::size_t fail_at = SIZE_MAX;
  void write(const Record& r) override {
    if (kept.size() == fail_at) throw Error("disk full");
    kept.push_back(as_text(r));
  }
  void flush() override { flushed = true; }
};

}  // namespace

TEST_CASE("ring: records come out as they went in, in order, parts joined") {
  RecordRing ring(1);
  CHECK_EQ(ring.capacity(), 65536u);
  Record r;
  CHECK(!ring.pop(r));
  CHECK(ring.push(RecordType::command, {text("ab"), text(""), text("cd")}));
  CHECK(ring.push(RecordType::reset, {}));
  CHECK(ring.pop(r));
  CHECK(r.type == RecordType::command);
  CHECK_EQ(as_text(r), "abcd");
  CHECK_EQ(r.sequence, 0u);
  CHECK(ring.pop(r));
  CHECK(r.type == RecordType::reset);
  CHECK(r.bytes.empty());
  CHECK(!ring.pop(r));
}

TEST_CASE("ring: what does not fit is dropped and counted, and shows as a gap; the rest is whole") {
  RecordRing ring(1);
  const std::vector<std::byte> block(10'000, std::byte{7});
  std::size_t taken = 0;
  for (int i = 0; i < 10; ++i) taken += ring.push(RecordType::plan, {block});
  CHECK_EQ(taken, 6u);
  CHECK_EQ(ring.dropped(), 4u);
  Record r;
  for (int i = 0; i < 6; ++i) CHECK(ring.pop(r));
  CHECK(ring.push(RecordType::tick, {text("after")}));
  CHECK(ring.pop(r));
  CHECK_EQ(r.sequence, 10u);
  CHECK_EQ(as_text(r), "after");
  CHECK(!ring.push(RecordType::plan, {std::vector<std::byte>(70'000)}));
}

TEST_CASE("ring: two threads, records of every length across the seam, none torn") {
  RecordRing ring(1);
  constexpr std::uint32_t kLast = 50'000;
  std::thread writer([&] {
    std::vector<std::byte> block(3000);
    for (std::uint32_t i = 0; i <= kLast;) {
      const std::size_t n = 4 + i % 2900;
      std::memset(block.data(), static_cast<int>(i & 0xff), n);
      std::memcpy(block.data(), &i, sizeof i);
      if (ring.push(RecordType::tick, {std::span(block).first(n)}))
        ++i;
      else
        std::this_thread::yield();
    }
  });
  std::uint32_t expected = 0, torn = 0;
  for (Record r; expected <= kLast;) {
    if (!ring.pop(r)) {
      std::this_thread::yield();
      continue;
    }
    std::uint32_t i = 0;
    std::memcpy(&i, r.bytes.data(), sizeof i);
    torn += i != expected || r.bytes.size() != 4 + i % 2900;
    for (std::size_t k = 4; k < r.bytes.size(); k += 97) torn += r.bytes[k] != static_cast<std::byte>(i & 0xff);
    ++expected;
  }
  writer.join();
  CHECK_EQ(torn, 0u);
}

TEST_CASE("drain: everything reaches the sink, and stop() flushes it") {
  RecordRing ring(1);
  Keep sink;
  RecordDrain drain(ring, sink, 1);
  for (int i = 0; i < 100; ++i) CHECK(ring.push(RecordType::tick, {text("x")}));
  drain.stop();
  CHECK_EQ(sink.kept.size(), 100u);
  CHECK_EQ(drain.written(), 100u);
  CHECK(sink.flushed);
  CHECK_EQ(std::string(drain.error()), "");
}

TEST_CASE("drain: a sink that fails ends the draining and says why; the writer goes on") {
  RecordRing ring(1);
  Keep sink;
  sink.fail_at = 3;
  RecordDrain drain(ring, sink, 1);
  for (int i = 0; i < 10; ++i) ring.push(RecordType::tick, {text("x")});
  drain.stop();
  CHECK_EQ(std::string(drain.error()), "disk full");
  CHECK_EQ(sink.kept.size(), 3u);
}

TEST_CASE("decode: damaged records are refused") {
  const std::vector<std::byte> few(10);
  CHECK_THROWS(decode_tick(few), "damaged tick");
  CHECK_THROWS(decode_command(few), "damaged command");
  CHECK_THROWS(decode_plan(few), "damaged plan");
  CHECK_THROWS(decode_swap(few), "damaged swap");
  TickHeader header{};
  header.observation_size = 60000;
  CHECK_THROWS(decode_tick(std::as_bytes(std::span(&header, 1))), "damaged tick");
  header.observation_size = 10;
  CHECK_THROWS(decode_tick(std::as_bytes(std::span(&header, 1))), "damaged tick");
}
