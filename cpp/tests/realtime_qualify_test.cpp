// A stage of qualify measures what it says, under each load. No figure is asserted that a busy test machine could miss.
#include <atomic>
#include <filesystem>

#include "check.hpp"
#include "realtime/qualify.hpp"
#include "temporary_folder.hpp"
#include "toy_bundle.hpp"

using namespace metaworld_rt;
using namespace metaworld_rt::realtime;

namespace {

StageOptions short_stage() {
  StageOptions o;
  o.seconds = 0.25;
  o.thread = {0, -1, false, 64 * 1024};
  return o;
}
const std::atomic<bool> kGoOn{false};

}  // namespace

TEST_CASE("qualify: the bare timer wakes at its rate and never early") {
  StageOptions o = short_stage();
  o.controller = false;
  const std::int64_t begun = monotonic_ns();
  const StageReport r = run_stage(toy::share(toy::bundle()), o, kGoOn);
  const auto room = static_cast<std::uint64_t>((monotonic_ns() - begun) / 1'000'000);
  CHECK_EQ(r.loop.ticks, 0u);
  CHECK(r.timer.ticks > 0);
  CHECK_EQ(r.timer.wakeup.count(), r.timer.ticks);
  CHECK(r.timer.ticks + r.timer.misses <= room);
}

TEST_CASE("qualify: the loop runs whole ticks beside the timer, under every load") {
  const TemporaryFolder folder;
  for (const LoadKind load : {LoadKind::none, LoadKind::cpu, LoadKind::memory, LoadKind::disk}) {
    StageOptions o = short_stage();
    o.load = load;
    o.limits.threads = 1;
    o.limits.memory_bytes = 8u << 20;
    o.limits.disk_bytes = 8u << 20;
    o.limits.scratch = folder.path;
    const StageReport r = run_stage(toy::share(toy::bundle()), o, kGoOn);
    CHECK(r.loop.ticks > 0);
    CHECK_EQ(r.loop.duration.count(), r.loop.ticks);
    CHECK(r.timer.ticks > 0);
    CHECK(r.decisions > 0);
    CHECK(!r.load_failed);
    for (const SlowTick& s : r.slow) CHECK(s.missed > 0 || s.wakeup_ns > 500'000 || s.duration_ns > 500'000);
    CHECK(std::filesystem::is_empty(folder.path));  // no scratch file is left
  }
}

TEST_CASE("qualify: a disk load that cannot write says so") {
  StageOptions o = short_stage();
  o.load = LoadKind::disk;
  o.limits.scratch = "/nonexistent";
  CHECK(run_stage(toy::share(toy::bundle()), o, kGoOn).load_failed);
}

TEST_CASE("qualify: a stage ends when it is asked to; bad options are refused") {
  const std::atomic<bool> stop{true};
  StageOptions o = short_stage();
  o.seconds = 1000;
  CHECK(run_stage(toy::share(toy::bundle()), o, stop).timer.ticks < 1000);
  o.seconds = 0;
  CHECK_THROWS(run_stage(toy::share(toy::bundle()), o, kGoOn), "seconds");
  o = short_stage();
  o.rate_hz = 1e9;
  CHECK_THROWS(run_stage(toy::share(toy::bundle()), o, kGoOn), "rate_hz");
  CHECK_THROWS(run_stage(nullptr, short_stage(), kGoOn), "bundle");
}
