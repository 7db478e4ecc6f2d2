// Proof that a plan on the calling thread neither allocates, nor locks, nor enters the kernel; and that one on several
// threads does not allocate or lock.
#include "check.hpp"
#include "planner/mppi.hpp"
#include "planner_random_model.hpp"
#include "realtime/call_counter.hpp"

using namespace metaworld_rt;
using namespace metaworld_rt::planner;
using realtime::CallCounter;
using realtime::CallCounts;

namespace {

/// What ten plans do on this thread: cold, warm, refused, late.
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
  return {after.allocations - before.allocations, after.locks - before.locks, after.syscalls - before.syscalls};
}

}  // namespace

TEST_CASE("plan: no malloc, no lock, no system call on one thread; no malloc and no lock on two") {
  for (const auto storage : {kernels::Storage::fp32, kernels::Storage::bf16, kernels::Storage::int8}) {
    const CallCounts one = plans(storage, 1), two = plans(storage, 2);
    CHECK_EQ(one.allocations, 0u);
    CHECK_EQ(one.locks, 0u);
    CHECK_EQ(one.syscalls, 0u);
    CHECK_EQ(two.allocations, 0u);
    CHECK_EQ(two.locks, 0u);
  }
}
