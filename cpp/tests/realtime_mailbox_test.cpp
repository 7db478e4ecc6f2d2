#include "metaworld_rt/mailbox.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>

#include "check.hpp"

using metaworld_rt::Mailbox;

namespace {
struct Big {
  std::uint64_t number = 0;
  std::array<std::uint64_t, 63> copies{};
};
}  // namespace

TEST_CASE("mailbox: nothing, then the newest, once") {
  Mailbox<int> box;
  int value = 7;
  CHECK(!box.fresh());
  CHECK(!box.read(value));
  CHECK_EQ(value, 7);
  CHECK_EQ(box.front(), 0);
  box.write(1);
  box.write(2);
  box.write(3);
  CHECK(box.fresh());
  CHECK(box.read(value));
  CHECK_EQ(value, 3);
  CHECK(!box.read(value));
  CHECK_EQ(box.front(), 3);
  box.back() = 4;
  CHECK(!box.fresh());
  box.publish();
  CHECK(box.update());
  CHECK_EQ(box.front(), 4);
}

TEST_CASE("mailbox: two threads, no torn value, no step back, the last one arrives") {
  Mailbox<Big> box;
  constexpr std::uint64_t kLast = 200'000;
  std::thread writer([&] {
    for (std::uint64_t i = 1; i <= kLast; ++i) {
      Big& slot = box.back();
      slot.number = i;
      slot.copies.fill(i);
      box.publish();
    }
  });
  std::uint64_t seen = 0, torn = 0, back = 0;
  while (seen < kLast) {
    if (!box.update()) {
      std::this_thread::yield();
      continue;
    }
    const Big& big = box.front();
    for (const std::uint64_t c : big.copies) torn += c != big.number;
    back += big.number <= seen;
    seen = big.number;
  }
  writer.join();
  CHECK_EQ(torn, 0u);
  CHECK_EQ(back, 0u);
  CHECK(!box.fresh());
}
