#include "control/plan_follower.hpp"

#include <cmath>

#include "control/time.hpp"

namespace metaworld_rt::control {

PlanFollower::PlanFollower(const Bundle& bundle)
    : max_age_(from_ms(bundle.limits.plan_max_age_ms)),
      slack_(from_seconds(0.5 / bundle.tick_hz)),
      joints_(bundle.robot.size()) {}

bool PlanFollower::accept(FollowerState& state, const Plan& plan, std::uint32_t generation) const noexcept {
  if (!plan.finite || plan.generation != generation || plan.horizon == 0 || plan.horizon > kMaxHorizon ||
      plan.dt_ns <= 0 || (state.any && plan.decision < state.plan.decision))
    return false;
  for (std::uint32_t k = 0; k < plan.horizon; ++k)
    for (std::size_t j = 0; j < joints_; ++j)
      if (!std::isfinite(plan.action[k][j])) return false;
  state.plan = plan;
  state.any = true;
  return true;
}

const float* PlanFollower::at(const FollowerState& state, std::int64_t t) const noexcept {
  if (!state.any) return nullptr;
  const std::int64_t age = t - state.plan.t_ns + slack_;
  if (age < 0 || age > max_age_ + slack_) return nullptr;
  const std::int64_t k = age / state.plan.dt_ns;
  return k < state.plan.horizon ? state.plan.action[static_cast<std::size_t>(k)].data() : nullptr;
}

bool PlanFollower::in_time(const FollowerState& state, std::uint64_t decision, std::uint64_t lag) const noexcept {
  return state.any && state.plan.decision + lag >= decision;
}

void PlanFollower::judge(const FollowerState& state, bool usable, std::uint64_t decision, std::uint64_t lag,
                         Rungs& rungs) const noexcept {
  if (!usable)
    rungs.count(Rung::stale_plan);
  else if (!in_time(state, decision, lag))
    rungs.count(Rung::late_plan);
}

}  // namespace metaworld_rt::control
