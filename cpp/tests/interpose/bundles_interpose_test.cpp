// The same proof over every bundle that ships, with its own networks, its own planner, and the ladder's main rungs.
#include <sys/resource.h>

#include <filesystem>
#include <limits>
#include <memory>
#include <vector>

#include "check.hpp"
#include "metaworld_rt/bundle.hpp"
#include "metaworld_rt/controller.hpp"
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

/// About ten seconds of ticks: skills change, observations go bad, a stop and a re-arm.
struct Run {
  explicit Run(std::shared_ptr<const Bundle> b)
      : bundle(std::move(b)), controller(bundle), observation(posture(*bundle)) {}
  std::shared_ptr<const Bundle> bundle;
  Controller controller;
  std::vector<double> observation;
  realtime::CallCounter counter;
  Command command;
  Status status;
  std::int64_t t = 1'000'000'000;

  void ticks(int n) {
    for (int i = 0; i < n; ++i, t += 1'000'000) {
      observation[bundle->find(ObservationKind::base_ang_vel)->offset] += 1e-9;
      counter.arm();
      controller.report({0, 1000, 1000});
      controller.step(t, observation, command, status);
      counter.disarm();
    }
  }
  void skill(std::size_t i) {
    SkillCommand c;
    c.id = static_cast<std::uint32_t>(i + 1);
    c.stage_count = 1;
    c.stages[0].weights[i % bundle->experts.size()] = 1.0f;
    controller.post(c);
  }
  void fly() {
    for (std::size_t i = 0; i < bundle->experts.size(); ++i) {
      skill(i);
      ticks(700);
    }
    double& first = observation[0];
    const double kept = first;
    first = std::numeric_limits<double>::quiet_NaN();
    ticks(30);
    first = kept;
    ticks(300);
    ticks(6500);  // the command grows stale: the gate, then the safe skill
    controller.request_stop();
    ticks(100);
    controller.rearm();
    ticks(500);
    t += 2'000'000'000;  // the clock jumps
    ticks(200);
  }
};

}  // namespace

TEST_CASE("every shipped bundle: no allocation, lock or system call in any tick, and no page fault") {
  for (const auto& path : bundles()) {
    Run run(load_bundle(path));
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
    const auto rung = [&](Rung r) { return run.status.rungs[static_cast<std::size_t>(r)]; };
    CHECK(rung(Rung::observation_invalid) > 0 && rung(Rung::controlled_stop) > 0 && rung(Rung::clock_jump) > 0);
    CHECK(rung(Rung::semantic_stale) + rung(Rung::semantic_safe) > 0);
    std::printf("%s: %llu ticks, nothing\n", run.bundle->name.c_str(),
                static_cast<unsigned long long>(run.status.tick + 1));
  }
}
