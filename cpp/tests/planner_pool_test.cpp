#include <array>
#include <chrono>
#include <set>

#include "check.hpp"
#include "planner/thread_pool.hpp"

using namespace metaworld_rt::planner;

TEST_CASE("pool: every index once, whether workers spin, park or come late") {
  for (const std::uint32_t threads : {1u, 2u, 4u}) {
    for (const std::int64_t spin : {std::int64_t{0}, std::int64_t{50'000}}) {
      ThreadPool pool(threads, {}, spin);
      CHECK_EQ(pool.threads(), threads);
      std::array<std::atomic<int>, 300> hits{};
      int expected = 0;
      for (std::uint32_t round = 0; round < 300; ++round) {
        const std::uint32_t count = round % 7 == 0 ? 1 : round % 299 + 1;
        auto task = [&](std::uint32_t i, std::uint32_t thread) {
          if (thread < threads) hits[i].fetch_add(1);
        };
        pool.run(count, task);
        for (std::uint32_t i = 0; i < hits.size(); ++i) {
          if (hits[i].exchange(0) != (i < count ? 1 : 0)) ++expected;
        }
        if (round % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // let them park
      }
      CHECK_EQ(expected, 0);
    }
  }
}

TEST_CASE("pool: workers do take tasks, and are pinned where they can be") {
  ThreadPool pool(2, {0}, 20'000);
  CHECK(pool.pinned());
  std::atomic<bool> other{false};
  // The caller's task waits for the worker's, so both must run.
  auto task = [&](std::uint32_t, std::uint32_t thread) {
    if (thread == 1) other.store(true);
    for (int i = 0; i < 100'000 && !other.load(); ++i) std::this_thread::sleep_for(std::chrono::microseconds(50));
  };
  pool.run(2, task);
  CHECK(other.load());
  CHECK(!ThreadPool(2, {4095}, 0).pinned());
}
