#include "control/watchdog.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "control/time.hpp"

namespace metaworld_rt::control {

Watchdog::Watchdog(const Bundle& bundle, bool sensor_checks)
    : size_(bundle.observation_size),
      quat_(bundle.find(ObservationKind::base_quat)->offset),
      joint_pos_(bundle.find(ObservationKind::joint_pos)->offset),
      joint_vel_(bundle.find(ObservationKind::joint_vel)->offset),
      max_age_(sensor_checks ? from_ms(bundle.limits.observation_max_age_ms) : 0),
      frozen_(sensor_checks ? from_ms(bundle.limits.observation_frozen_ms) : 0),
      decision_ns_(from_seconds(1.0 / bundle.decision_hz)) {
  for (const ObservationTerm& t : bundle.observation)
    if (t.kind <= ObservationKind::joint_vel) sensors_.push_back({t.offset, t.size});
  const Robot& robot = bundle.robot;
  for (std::size_t i = 0; i < robot.size(); ++i) {
    const double kp = robot.stiffness[i];
    reach_.push_back(kp > 0.0 ? kPull * robot.max_force[i] / kp : std::numeric_limits<double>::infinity());
  }
}

bool Watchdog::valid(std::span<const double> observation) const noexcept {
  if (observation.size() != size_) return false;
  // A sum is finite only if every term is, or if terms cancel, which 0 * x cannot.
  double zero = 0.0;
  for (const double v : observation) zero += 0.0 * v;
  if (!(zero == 0.0)) return false;
  const double* q = observation.data() + quat_;
  const double norm = q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3];
  return norm > 0.25 && norm < 4.0;
}

bool Watchdog::changed(const WatchdogState& state, std::span<const double> observation) const noexcept {
  return std::any_of(sensors_.begin(), sensors_.end(), [&](Range r) {
    return std::memcmp(state.last.data() + r.offset, observation.data() + r.offset, r.size * sizeof(double)) != 0;
  });
}

void Watchdog::look_at_joints(WatchdogState& state, std::int64_t t, std::span<const double> observation,
                              const double* asked) const noexcept {
  // What lies between two observations counts, but an outage of the sensors is not held against a joint.
  const std::int64_t passed = std::clamp<std::int64_t>(t - state.fresh_t, 0, decision_ns_);
  state.fresh_t = t;
  state.frozen_joint = -1;
  for (std::size_t i = 0; i < reach_.size(); ++i) {
    const double* position = observation.data() + joint_pos_ + i;
    const bool moved = std::memcmp(state.last.data() + joint_pos_ + i, position, sizeof(double)) != 0;
    if (moved || !state.any) state.doubt[i] = 0;
    if (!asked)
      state.asked[i] = std::numeric_limits<double>::quiet_NaN();
    else if (moved || !state.any || std::isnan(state.asked[i]))
      state.asked[i] = asked[i];
    if (moved || !state.any) continue;
    const bool pulled = asked && std::abs(asked[i] - state.asked[i]) > reach_[i];
    const bool moving = std::abs(observation[joint_vel_ + i]) > kMovingSpeed;
    if (pulled || moving) state.doubt[i] += passed;
    if (state.doubt[i] > frozen_ && state.frozen_joint < 0) state.frozen_joint = static_cast<std::int32_t>(i);
  }
}

Watchdog::Verdict Watchdog::check(WatchdogState& state, std::int64_t t, std::int64_t observation_t,
                                  std::span<const double> observation, const double* asked,
                                  Rungs& rungs) const noexcept {
  bool bad = false;
  if (!valid(observation)) {
    rungs.count(Rung::observation_invalid);
    bad = true;
  } else {
    if (!state.any || changed(state, observation)) {
      if (frozen_ > 0) look_at_joints(state, t, observation, asked);
      for (const Range r : sensors_)
        std::memcpy(state.last.data() + r.offset, observation.data() + r.offset, r.size * sizeof(double));
      state.change_t = t;
      state.any = true;
    }
    if (frozen_ > 0 && t - state.change_t > frozen_) {
      rungs.count(Rung::observation_frozen);
      bad = true;
    }
    if (state.frozen_joint >= 0) {
      rungs.count(Rung::joint_frozen);
      bad = true;
    }
  }
  if (max_age_ > 0 && t - observation_t > max_age_) {
    rungs.count(Rung::observation_late);
    bad = true;
  }
  if (!bad) {
    state.holding = false;
    return Verdict::good;
  }
  if (!state.holding) {
    state.holding = true;
    state.hold_t = t;
  }
  // With no age limit given (lockstep), the plant's word counts: hold for as long as it stays bad.
  return max_age_ > 0 && t - state.hold_t > max_age_ ? Verdict::stop : Verdict::hold;
}

void Watchdog::shift(WatchdogState& state, std::int64_t by) noexcept {
  state.change_t += by;
  state.fresh_t += by;
  state.hold_t += by;
}

}  // namespace metaworld_rt::control
