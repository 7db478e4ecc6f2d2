// One stage of `qualify`: the real loop with the real controller, a bare timer beside it, and a load on the machine.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "metaworld_rt/bundle.hpp"
#include "metaworld_rt/loop.hpp"
#include "metaworld_rt/planner_slot.hpp"
#include "metaworld_rt/types.hpp"
#include "realtime/bare_timer.hpp"
#include "realtime/load.hpp"

namespace metaworld_rt::realtime {

struct StageOptions {
  double seconds = 10.0;
  double rate_hz = 0.0;  ///< 0: the bundle's
  ThreadOptions thread{80, -1, true, 256 * 1024};
  bool controller = true;            ///< false: the bare timer alone
  bool record = true;                ///< the flight record is on, as in use; slow ticks are known only then
  std::shared_ptr<Planner> planner;  ///< on a thread of its own; null: none
  std::int64_t planner_budget_ns = 0;
  LoadKind load = LoadKind::none;
  LoadLimits limits{};
};

struct StageReport {
  LoopReport loop;             ///< empty for a stage without a controller
  TimerReport timer;           ///< of the bare timer, in the same seconds
  std::vector<SlowTick> slow;  ///< ticks that woke or took more than half a period, or missed a deadline
  std::array<std::uint64_t, kRungs> rungs{};
  std::uint64_t decisions = 0, plans = 0, rearms = 0, dropped_records = 0;
  bool load_failed = false;
};

/// Runs for options.seconds, or until `stop` is set. The observation is a standing posture that moves a little; skill
/// commands change every second; a controlled stop (missed deadlines) is re-armed at once, so that every tick is a
/// whole one. Throws Error on bad options.
StageReport run_stage(std::shared_ptr<const Bundle> bundle, const StageOptions& options, const std::atomic<bool>& stop);

}  // namespace metaworld_rt::realtime
