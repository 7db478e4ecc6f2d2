// The plan buffer of size one, looked up by time.
#pragma once

#include <cstdint>

#include "control/rungs.hpp"
#include "metaworld_rt/bundle.hpp"

namespace metaworld_rt::control {

struct FollowerState {
  bool any = false;
  Plan plan{};
};

/// Ladder: a late plan is followed in time; one that is too old, used up or not finite gives way to the expert mixture.
class PlanFollower {
 public:
  explicit PlanFollower(const Bundle& bundle);

  /// Keeps `plan` if it is usable at all: right generation, finite, sane sizes, not older than the one it has.
  /// A plan that is not finite replaces nothing, so that the one before is followed until it ends.
  bool accept(FollowerState& state, const Plan& plan, std::uint32_t generation) const noexcept;
  /// The action that the plan has for time t, or nullptr: too old, used up, or no plan.
  const float* at(const FollowerState& state, std::int64_t t) const noexcept;
  /// Whether the plan is as new as it can be at decision number `decision`; `lag` is how many decisions it may be
  /// behind: a planner runs in the tick (0) or beside it (1: the plan of this decision has yet to come).
  bool in_time(const FollowerState& state, std::uint64_t decision, std::uint64_t lag) const noexcept;
  /// The rungs of decision number `decision`, for that lag.
  void judge(const FollowerState& state, bool usable, std::uint64_t decision, std::uint64_t lag,
             Rungs& rungs) const noexcept;

 private:
  std::int64_t max_age_, slack_;
  std::size_t joints_;
};

}  // namespace metaworld_rt::control
