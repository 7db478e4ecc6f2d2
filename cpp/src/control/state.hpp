// All that changes from tick to tick, in one plain struct: copying it is a keyframe, zeroing it is a reset.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "control/plan_follower.hpp"
#include "control/rungs.hpp"
#include "control/semantic_policy.hpp"
#include "control/stop.hpp"
#include "control/watchdog.hpp"
#include "metaworld_rt/types.hpp"

namespace metaworld_rt::control {

struct State {
  bool started = false;      ///< a tick was made
  bool has_command = false;  ///< q is a command (or a measured posture to start from)
  bool fresh_start =
      true;  ///< the planner had no chance yet to plan for the next decision: the first, or after skills without plans
  bool rearm_pending = false;  ///< waits for a valid observation
  bool plan_used = false;
  std::uint32_t generation = 0;
  std::uint64_t ticks = 0, decisions = 0;
  std::int64_t last_t = 0, next_decision_t = 0;
  WatchdogState watchdog{};
  SemanticState semantic{};
  FollowerState follower{};
  StopState stop{};
  Rungs rungs{};
  double phase = 0.0;                           ///< cycles in [0,1)
  std::array<float, kMaxJoints> action{};       ///< applied last, clamped: prev_action of the next decision
  std::array<float, kMaxJoints> reference{};    ///< a_ref of the last decision
  std::array<float, kMaxSkills> mixture{};      ///< w~ of the last decision
  std::array<double, kMaxJoints> from{}, to{};  ///< targets of this decision, rad
  std::int64_t target_t = 0;                    ///< when `to` was set
  std::array<double, kMaxJoints> q{};           ///< command of the last tick, rad
};
static_assert(std::is_trivially_copyable_v<State>);

}  // namespace metaworld_rt::control
