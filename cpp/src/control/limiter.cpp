#include "control/limiter.hpp"

#include <algorithm>
#include <cmath>

namespace metaworld_rt::control {

Limiter::Limiter(const Bundle& bundle)
    : default_(bundle.robot.default_pos),
      scale_(bundle.action_scale),
      lower_(bundle.robot.lower),
      upper_(bundle.robot.upper),
      rate_(bundle.limits.command_rate) {}

bool Limiter::accept(std::span<float> action) const noexcept {
  bool finite = true;
  for (float& a : action) {
    finite = finite && std::isfinite(a);
    a = std::clamp(a, -1.0f, 1.0f);
  }
  return finite;
}

void Limiter::target(std::span<const float> action, double* q) const noexcept {
  for (std::size_t i = 0; i < joints(); ++i) {
    q[i] = std::clamp(default_[i] + scale_[i] * static_cast<double>(action[i]), lower_[i], upper_[i]);
  }
}

void Limiter::approach(const double* target, double dt, double* q, Rungs& rungs) const noexcept {
  bool held = false;
  for (std::size_t i = 0; i < joints(); ++i) {
    const double most = rate_[i] * dt;
    const double step = std::clamp(target[i] - q[i], -most, most);
    const double next = step == target[i] - q[i] ? target[i] : q[i] + step;
    held = held || next != target[i];
    q[i] = next;
  }
  if (held) rungs.count(Rung::output_clamped);
}

}  // namespace metaworld_rt::control
