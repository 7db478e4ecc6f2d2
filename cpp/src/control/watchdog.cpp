#include "control/watchdog.hpp"

#include <cmath>
#include <cstring>

#include "control/time.hpp"

namespace metaworld_rt::control {

Watchdog::Watchdog(const Bundle& bundle, bool sensor_checks)
    : size_(bundle.observation_size),
      quat_(bundle.find(ObservationKind::base_quat)->offset),
      max_age_(sensor_checks ? from_ms(bundle.limits.observation_max_age_ms) : 0),
      frozen_(sensor_checks ? from_ms(bundle.limits.observation_frozen_ms) : 0) {
  for (const ObservationTerm& t : bundle.observation)
    if (t.kind <= ObservationKind::joint_vel) sensors_.push_back({t.offset, t.size});
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

bool Watchdog::changed(WatchdogState& state, std::span<const double> observation) const noexcept {
  bool different = false;
  for (const Range r : sensors_) {
    const std::size_t bytes = r.size * sizeof(double);
    if (std::memcmp(state.last.data() + r.offset, observation.data() + r.offset, bytes) == 0) continue;
    std::memcpy(state.last.data() + r.offset, observation.data() + r.offset, bytes);
    different = true;
  }
  return different;
}

Watchdog::Verdict Watchdog::check(WatchdogState& state, std::int64_t t, std::int64_t observation_t,
                                  std::span<const double> observation, Rungs& rungs) const noexcept {
  bool bad = false;
  if (!valid(observation)) {
    rungs.count(Rung::observation_invalid);
    bad = true;
  } else {
    if (changed(state, observation) || !state.any) state.change_t = t;
    state.any = true;
    if (frozen_ > 0 && t - state.change_t > frozen_) {
      rungs.count(Rung::observation_frozen);
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
  state.hold_t += by;
}

}  // namespace metaworld_rt::control
