// The same proof over every bundle that ships, with its own networks, its own planner, and the ladder's main rungs.
#include <sys/resource.h>

#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <vector>

#include "check.hpp"
#include "metaworld_rt/bundle.hpp"
#include "metaworld_rt/controller.hpp"
#include "metaworld_rt/planner.hpp"
#include "metaworld_rt/record.hpp"
#include "realtime/call_counter.hpp"

using namespace metaworld_rt;

namespace {

std::vector<std::filesystem::path> bundles() {
  std::vector<std::filesystem::path> found{std::filesystem::path(MWRT_TEST_DATA_DIR) / "toy_bundle"};
  for (const auto& entry : std::filesystem::directory_iterator(MWRT_MODELS_DIR))
    if (std::filesystem::exists(entry.path() / "bundle.json")) found.push_back(entry.path());
  return found;
}

std::vector<double> posture(const Bundle& b) {
  std::vector<double> o(b.observation_size, 0.0);
  o[b.find(ObservationKind::base_pos)->offset + 2] = 0.98;
  o[b.find(ObservationKind::base_quat)->offset] = 1.0;
  for (std::size_t i = 0; i < b.robot.size(); ++i)
    o[b.find(ObservationKind::joint_pos)->offset + i] = b.robot.default_pos[i];
  return o;
}

std::uint64_t page_faults() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return static_cast<std::uint64_t>(usage.ru_minflt + usage.ru_majflt);
}

/// The same, with experts that are never ready to take over, where there is a handover: they are waited for in vain.
std::shared_ptr<const Bundle> unready(const Bundle& bundle) {
  const auto changed = std::make_shared<Bundle>(bundle);
  if (changed->handover) changed->handover->ready = 2.0f;
  return changed;
}

/// About ten seconds of ticks that take every rung of the ladder.
struct Run {
  explicit Run(std::shared_ptr<const Bundle> b)
      : bundle(std::move(b)), controller(bundle), observation(posture(*bundle)) {}
  std::shared_ptr<const Bundle> bundle;
  Controller controller;
  std::vector<double> observation;
  realtime::CallCounter counter;
  Command command;
  Status status;
  PlanRequest request;
  Plan plan;
  std::int64_t t = 1'000'000'000, delay = 0;
  std::uint32_t missed = 0;
  bool moving = true, encoders = true, planning = false;
  float leap = 0.0f;

  void ticks(int n) {
    for (int i = 0; i < n; ++i, t += 1'000'000) {
      if (moving) {
        at(ObservationKind::base_ang_vel) += 1e-9;
        for (std::uint32_t j = 0; encoders && j < bundle->robot.size(); ++j)
          at(ObservationKind::joint_pos, j) += i % 2 ? 1e-9 : -1e-9;
      }
      counter.arm();
      controller.report({missed, 1000, 1000});
      controller.step(t, t - delay, observation, command, status);
      counter.disarm();
      if (planning) answer();
    }
  }
  double& at(ObservationKind kind, std::uint32_t i = 0) { return observation[bundle->find(kind)->offset + i]; }
  /// What a planner thread would post: one step that repeats the experts' action, so that it is soon used up.
  void answer() {
    if (!controller.take_request(request)) return;
    plan = Plan{};
    plan.t_ns = request.t_ns;
    plan.dt_ns = 40'000'000;
    plan.decision = request.decision;
    plan.generation = request.generation;
    plan.horizon = 2;
    plan.finite = true;
    plan.action[0] = request.reference;
    if (leap != 0.0f) plan.action[0].fill(leap = -leap);
    plan.action[1] = plan.action[0];
    controller.post_plan(plan);
  }
  void skill(std::size_t i, float weight = 1.0f) {
    SkillCommand c;
    c.id = static_cast<std::uint32_t>(i + 1);
    c.stage_count = 1;
    c.stages[0].weights[i % bundle->experts.size()] = weight;
    controller.post(c);
  }
  /// The last skill that the planner is for (the first one if it is for none).
  std::size_t planned_skill() const {
    std::size_t i = bundle->experts.size() - 1;
    while (i > 0 && !bundle->experts[i].planned) --i;
    return i;
  }
  void rearmed() {
    controller.rearm();
    ticks(300);
    CHECK(status.mode == Mode::running);
  }
  void fly() {
    for (std::size_t i = 0; i < bundle->experts.size(); ++i) {
      skill(i);
      ticks(700);
    }
    skill(planned_skill());
    ticks(1500);  // waited for in vain, and its weight has grown
    planning = true;
    ticks(200);
    leap = 1.0f;
    ticks(100);  // output_clamped: from one end to the other
    leap = 0.0f;
    ticks(100);
    planning = false;
    ticks(400);  // late_plan, stale_plan
    skill(0, 7.0f);
    ticks(1);  // semantic_rejected
    controller.note_refused_swap();
    controller.swap(bundle);
    ticks(50);  // swap_refused, and a swap
    at(ObservationKind::joint_vel) = 1e300;
    ticks(40);  // output_rejected: finite as a double, infinite as a feature
    at(ObservationKind::joint_vel) = 0.0;
    ticks(300);
    observation[0] = std::numeric_limits<double>::quiet_NaN();
    ticks(30);  // observation_invalid
    observation[0] = 0.0;
    ticks(300);
    delay = 1'000'000 * static_cast<std::int64_t>(bundle->limits.observation_max_age_ms + 10);
    ticks(30);  // observation_late
    delay = 0;
    ticks(300);
    moving = false;
    ticks(static_cast<int>(bundle->limits.observation_frozen_ms) + 30);  // observation_frozen
    moving = true;
    ticks(300);
    encoders = false;
    at(ObservationKind::joint_vel) = 1.0;
    ticks(static_cast<int>(bundle->limits.observation_frozen_ms) + 30);  // joint_frozen
    at(ObservationKind::joint_vel) = 0.0;
    encoders = true;
    ticks(300);
    t += 2'000'000'000;
    ticks(200);  // clock_jump
    controller.request_stop();
    ticks(100);  // controlled_stop
    rearmed();
    missed = 1;
    ticks(static_cast<int>(bundle->limits.missed_deadlines_stop) + 5);  // deadline_missed
    missed = 0;
    rearmed();
    skill(0);
    ticks(static_cast<int>(bundle->semantic_ttl_ms + bundle->fade_ms) + 500);  // semantic_stale, semantic_safe
  }
};

}  // namespace

TEST_CASE("every shipped bundle, every rung: no allocation, lock or system call in any tick, and no page fault") {
  for (const auto& path : bundles()) {
    Run run(unready(*load_bundle(path)));
    RecordRing ring(64u << 20);
    run.controller.set_recorder(&ring);
    run.fly();  // the warm-up: every page of code and data that a flight touches
    run.controller.reset();
    const realtime::CallCounts before = run.counter.counts();
    const std::uint64_t faults = page_faults();
    run.fly();
    const std::uint64_t faulted = page_faults() - faults;
    const realtime::CallCounts after = run.counter.counts();
    CHECK(run.counter.loaded());
    CHECK_EQ(after.allocations - before.allocations, 0u);
    CHECK_EQ(after.locks - before.locks, 0u);
    CHECK_EQ(after.syscalls - before.syscalls, 0u);
    CHECK_EQ(faulted, 0u);
    CHECK_EQ(ring.dropped(), 0u);
    for (std::size_t r = 0; r < kRungs; ++r) {
      if (static_cast<Rung>(r) == Rung::handover_unready && !run.bundle->handover) continue;
      if (run.status.rungs[r] == 0) std::fprintf(stderr, "not exercised: %s\n", name(static_cast<Rung>(r)));
      CHECK(run.status.rungs[r] > 0);
    }
    std::printf("%s: %llu ticks, nothing\n", run.bundle->name.c_str(),
                static_cast<unsigned long long>(run.status.tick + 1));
  }
}

TEST_CASE("every bundle with a world model: its own planner in the tick allocates, locks and calls nothing either") {
  int planners = 0;
  for (const auto& path : bundles()) {
    Run run(load_bundle(path));
    if (!run.bundle->planner) continue;
    ++planners;
    run.controller.set_planner(std::make_shared<MppiPlanner>(run.bundle, PlannerOptions{}), 5'000'000);
    run.skill(run.planned_skill());
    run.ticks(1500);  // warm
    const realtime::CallCounts before = run.counter.counts();
    const std::uint64_t faults = page_faults();
    run.ticks(1000);
    const std::uint64_t faulted = page_faults() - faults;
    const realtime::CallCounts after = run.counter.counts();
    CHECK(run.status.plan_used);
    CHECK_EQ(after.allocations - before.allocations, 0u);
    CHECK_EQ(after.locks - before.locks, 0u);
    CHECK_EQ(after.syscalls - before.syscalls, 0u);
    CHECK_EQ(faulted, 0u);
  }
  CHECK(planners > 0);
}
