// The seam between the controller and whatever plans: MPPI in our tree, anything else in a host's.
#pragma once

#include <cstdint>

#include "metaworld_rt/types.hpp"

namespace metaworld_rt {

/// Plans one decision. One instance serves one thread; it may keep a warm start between calls.
class Planner {
 public:
  virtual ~Planner() = default;

  /// Fills `plan` for `request`: t_ns = request.t_ns, decision = request.decision, generation = request.generation,
  /// and horizon, dt_ns, action, std and the counters. `finite` is true only if every action is finite.
  /// Anytime: returns by `deadline_ns` (std::chrono::steady_clock, ns) with the best plan so far and deadline_hit set;
  /// 0 means no deadline, and then the result is a function of the requests since reset() alone (bit for bit).
  /// Real-time safe: no malloc, lock or system call when it runs on the calling thread alone.
  virtual void plan(const PlanRequest& request, std::int64_t deadline_ns, Plan& plan) noexcept = 0;

  /// Forgets the warm start (new episode, re-arm, swap). Real-time safe.
  virtual void reset() noexcept {}
};

}  // namespace metaworld_rt
