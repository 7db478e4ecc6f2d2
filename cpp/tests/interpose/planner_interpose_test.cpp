// Proof that a plan on the calling thread neither allocates, nor locks, nor enters the kernel; and that one on several
// threads does not allocate or lock, on the caller's thread or its own.
#include <atomic>
#include <chrono>
#include <thread>

#include "check.hpp"
#include "planner/mppi.hpp"
#include "planner_random_model.hpp"
#include "realtime/call_counter.hpp"

using namespace metaworld_rt;
using namespace metaworld_rt::planner;
using realtime::CallCounter;
using realtime::CallCounts;

namespace {

/// Calls f(thread) once on each of two threads of a pool.
template <class F>
void on_both(ThreadPool& pool, F f) {
  std::atomic<std::uint32_t> arrived{0};
  auto task = [&](std::uint32_t, std::uint32_t thread) {
    f(thread);
    arrived.fetch_add(1);
    for (int i = 0; i < 100'000 && arrived.load() < 2; ++i) std::this_thread::sleep_for(std::chrono::microseconds(50));
  };
  pool.run(2, task);
}

/// What ten plans do on this thread, or with two on the other one: cold, warm, refused, late.
CallCounts plans(kernels::Storage storage, std::uint32_t threads) {
  const RandomSizes k{51, 64, 128, 128, 19, 3, 3, 101, 2, true, -10.0f, 10.0f};
  const auto model = std::make_shared<const PackedModel>(RandomModel(1)(k), storage, kernels::active_isa());
  PlannerSettings s;
  s.samples = 128, s.iterations = 2;
  ThreadPool pool(threads, {}, 20'000);
  Mppi mppi(model, s, 20'000'000, 1, pool);
  PlanRequest r;
  r.mixture = {0.5f, 0.25f, 0.25f};
  Plan plan;
  const CallCounter counter;
  CHECK(counter.loaded());
  CallCounts worker[2];
  if (threads == 2) {
    on_both(pool, [&](std::uint32_t thread) {
      if (thread == 1) worker[0] = counter.counts(), counter.arm();
    });
  }
  const CallCounts before = counter.counts();
  for (int i = 0; i < 10; ++i) {
    r.decision = static_cast<std::uint64_t>(i);
    r.t_ns += 7'000'000;
    r.phi[3] = i == 5 ? NAN : 0.1f;
    const std::int64_t deadline = i == 7   ? 1
                                  : i == 8 ? Clock::now() + 100'000
                                  : i == 9 ? Clock::now() + 10'000'000'000
                                           : 0;
    counter.arm();
    mppi.plan(r, deadline, plan);
    counter.disarm();
    CHECK_EQ(plan.finite, i != 5);
  }
  const CallCounts after = counter.counts();
  if (threads == 2) {
    on_both(pool, [&](std::uint32_t thread) {
      if (thread == 1) counter.disarm(), worker[1] = counter.counts();
    });
  }
  const auto sum = [&](auto count) { return count(after) - count(before) + count(worker[1]) - count(worker[0]); };
  return {sum([](const CallCounts& c) { return c.allocations; }), sum([](const CallCounts& c) { return c.locks; }),
          sum([](const CallCounts& c) { return c.syscalls; })};
}

}  // namespace

TEST_CASE("plan: no malloc, no lock, no system call on one thread; no malloc and no lock on two") {
  for (const auto storage :
       {kernels::Storage::fp32, kernels::Storage::bf16, kernels::Storage::int8, kernels::Storage::int16}) {
    const CallCounts one = plans(storage, 1), two = plans(storage, 2);
    CHECK_EQ(one.allocations, 0u);
    CHECK_EQ(one.locks, 0u);
    CHECK_EQ(one.syscalls, 0u);
    CHECK_EQ(two.allocations, 0u);
    CHECK_EQ(two.locks, 0u);
  }
}
