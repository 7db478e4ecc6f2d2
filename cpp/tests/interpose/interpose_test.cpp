// Proof that a tick neither allocates, nor locks, nor enters the kernel: run with libmwrt_interpose.so preloaded.
#include <dlfcn.h>
#include <unistd.h>

#include <memory>
#include <mutex>

#include "check.hpp"
#include "control_rig.hpp"
#include "metaworld_rt/loop.hpp"
#include "metaworld_rt/record.hpp"
#include "realtime/call_counter.hpp"

using namespace metaworld_rt;
using realtime::CallCounter;
using realtime::CallCounts;
using toy::kMs;

namespace {

/// What `body` does on this thread, counted.
template <class F>
CallCounts counted(F&& body) {
  const CallCounter counter;
  const CallCounts before = counter.counts();
  counter.arm();
  body();
  counter.disarm();
  const CallCounts after = counter.counts();
  return {after.allocations - before.allocations, after.locks - before.locks, after.syscalls - before.syscalls};
}

struct Flight : toy::Rig {
  using Rig::Rig;
  CallCounter counter;
  std::uint64_t armed_ticks = 0;
  void tick() {
    observation[bundle_->find(ObservationKind::base_ang_vel)->offset] += 1e-9;
    for (std::size_t i = 0; encoders && i < toy::kJoints; ++i) jitter(i);
    counter.arm();
    controller.report({missed, 0, 0});
    controller.step(t, t - delay, observation, command, status);
    counter.disarm();
    ++armed_ticks;
    t += period;
  }
  void ticks(int n) {
    for (int i = 0; i < n; ++i) tick();
  }
  std::uint32_t missed = 0;
};

Bundle gated(const char* name) {
  Bundle b = toy::bundle();
  b.name = name;
  toy::expert(b, "broken", {std::nanf(""), 0, 0});
  b.gate = toy::linear(b.feature_size, 4, std::vector<float>(4 * b.feature_size, 0.1f), {0.1f, 0, 0, -100});
  b.handover = Handover{toy::linear(b.feature_size, 4, {}, {-9, -9, -9, -9}), 0.9f, 40.0};  // handover_unready
  return b;
}

}  // namespace

TEST_CASE("the counter is loaded, and counts what it should") {
  const CallCounter counter;
  CHECK(counter.loaded());
  CHECK_EQ(counted([] {}).allocations, 0u);
  const CallCounts news = counted([] { const auto p = std::make_unique<volatile int>(3); });
  CHECK_EQ(news.allocations, 2u);
  void* volatile p = nullptr;
  CHECK_EQ(counted([&] { p = std::realloc(p, 100), std::free(p); }).allocations, 2u);
  CHECK_EQ(counted([&] { p = std::aligned_alloc(64, 640); }).allocations, 1u);
  std::free(p);
  static std::mutex mutex;
  CHECK_EQ(counted([] { const std::lock_guard lock(mutex); }).locks, 1u);
  const auto traps = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "mwrt_interpose_traps_syscalls"));
  std::printf("system calls are %s\n", traps() ? "trapped by the kernel" : "counted by wrapper");
  if (!traps()) return;
  long parent = 0;
  CHECK_EQ(counted([&] { parent = getppid(), ::write(-1, "", 0); }).syscalls, 2u);
  CHECK_EQ(parent, static_cast<long>(getppid()));
}

TEST_CASE("a tick: nothing, over every rung, command, plan, stop, re-arm and swap, recorded") {
  Flight rig(gated("one"));
  RecordRing ring(1 << 20);
  rig.controller.set_recorder(&ring);
  rig.ticks(100);  // warm
  const CallCounts before = rig.counter.counts();
  const std::uint64_t ticks_before = rig.armed_ticks;
  toy::ConstantPlanner planner(0.3f);
  PlanRequest request;
  Plan plan;
  Record record;
  for (std::uint32_t round = 0; round < 12; ++round) {
    const std::vector<double> good = rig.observation;
    SkillCommand c = toy::only(round % 3, round, 0.5f);
    c.ttl_ns = 100 * kMs;
    c.stages[0].until = static_cast<Until>(round % 9);
    rig.controller.post(c);
    rig.ticks(200);  // also: semantic_stale
    for (int i = 0; i < 200; ++i) {
      rig.tick();
      if (rig.controller.take_request(request)) {
        planner.plan(request, 0, plan);
        rig.controller.post_plan(plan);
      }
    }
    rig.ticks(100);  // late_plan, stale_plan
    c.stages[0].weights[0] = 7;
    rig.controller.post(c);  // semantic_rejected
    rig.tick();
    c = toy::only(3, round);  // broken: output_rejected
    c.ttl_ns = INT64_MAX;
    rig.controller.post(c);
    rig.ticks(300);
    rig.controller.post(toy::only(1, round));
    rig.observation[1] = toy::kNan;  // observation_invalid
    rig.ticks(20);
    rig.observation = good;
    rig.ticks(20);
    rig.encoders = false;  // joint_frozen
    rig.set(ObservationKind::joint_vel, {1.0, 0.0, 0.0});
    rig.ticks(120);
    rig.encoders = true;
    rig.set(ObservationKind::joint_vel, {0.0, 0.0, 0.0});
    rig.ticks(20);
    rig.delay = 90 * kMs;  // observation_late
    rig.ticks(20);
    rig.delay = 0;
    rig.t += 1000 * kMs;  // clock_jump
    rig.ticks(20);
    if (round % 2 == 0) {
      rig.missed = 1;  // deadline_missed, then controlled_stop
      rig.ticks(30);
      rig.missed = 0;
    } else {
      rig.controller.request_stop();
      rig.ticks(30);
    }
    CHECK(rig.status.mode == Mode::stopped);
    rig.controller.rearm();
    rig.controller.note_refused_swap();
    rig.controller.swap(toy::share(gated("next")));
    rig.ticks(20);
    CHECK(rig.status.mode == Mode::running);
    while (ring.pop(record)) {
    }
  }
  // observation_frozen, and semantic_safe with time
  rig.encoders = false;
  for (int i = 0; i < 150; ++i) {
    rig.observation[rig.bundle_->find(ObservationKind::base_ang_vel)->offset] -= 1e-9;
    rig.tick();
  }
  rig.encoders = true;
  rig.controller.rearm();
  rig.controller.post(toy::only(1));
  rig.ticks(7000);
  for (std::size_t r = 0; r < kRungs; ++r) {
    if (rig.status.rungs[r] == 0) std::fprintf(stderr, "not exercised: %s\n", name(static_cast<Rung>(r)));
    CHECK(rig.status.rungs[r] > 0);
  }
  const CallCounts after = rig.counter.counts();
  CHECK(rig.armed_ticks - ticks_before >= 10'000);
  CHECK_EQ(after.allocations - before.allocations, 0u);
  CHECK_EQ(after.locks - before.locks, 0u);
  CHECK_EQ(after.syscalls - before.syscalls, 0u);
  std::printf("%llu ticks: %llu allocations, %llu locks, %llu system calls\n",
              static_cast<unsigned long long>(rig.armed_ticks - ticks_before),
              static_cast<unsigned long long>(after.allocations - before.allocations),
              static_cast<unsigned long long>(after.locks - before.locks),
              static_cast<unsigned long long>(after.syscalls - before.syscalls));
}

TEST_CASE("a tick that plans in itself, against a deadline, does not enter the kernel either") {
  Flight rig;
  rig.controller.set_planner(std::make_shared<toy::ConstantPlanner>(0.2f), 5 * kMs);
  rig.ticks(20);
  const CallCounts before = rig.counter.counts();
  rig.ticks(1000);
  CHECK(rig.status.plan_used);
  const CallCounts after = rig.counter.counts();
  CHECK_EQ(after.allocations - before.allocations, 0u);
  CHECK_EQ(after.locks - before.locks, 0u);
  CHECK_EQ(after.syscalls - before.syscalls, 0u);
}

TEST_CASE("the loop's report carries the counts of its own thread") {
  Bundle b = toy::bundle();
  b.limits.missed_deadlines_stop = 0;
  const auto bundle = toy::share(b);
  Controller controller(bundle);
  LoopOptions options;
  options.thread = {0, -1, false, 64 * 1024};
  options.duration_s = 0.2;
  RealtimeLoop loop(controller, options);
  loop.observe(monotonic_ns(), toy::observation(*bundle));
  loop.start();
  loop.join();
  const LoopReport report = loop.report();
  CHECK(report.ticks > 0);
  CHECK(report.allocations.has_value());
  CHECK_EQ(report.allocations.value_or(1), 0u);
  CHECK_EQ(report.locks.value_or(1), 0u);
  CHECK_EQ(report.syscalls.value_or(1), 0u);
}
