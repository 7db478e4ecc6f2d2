// From a normalised action to a joint target that the robot may be given: scale, joint limits, rate limits.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "control/rungs.hpp"
#include "metaworld_rt/bundle.hpp"

namespace metaworld_rt::control {

class Limiter {
 public:
  explicit Limiter(const Bundle& bundle);
  std::size_t joints() const noexcept { return lower_.size(); }

  /// Clamps `action` to [-1,1] in place. False if any value is not finite (and then it is unspecified).
  bool accept(std::span<float> action) const noexcept;
  /// default_pos + scale * action, rad, within the joint limits: they are part of what an action means (an expert that
  /// pushes off with the ankle asks for more than the joint has), so that is not counted.
  void target(std::span<const float> action, double* q) const noexcept;
  /// Moves `q` (the last command) towards `target`, at most command_rate * dt a joint; counts output_clamped once if
  /// that bound held. A last command outside the joint limits (a robot found there) comes back at the bounded rate.
  /// Real-time safe.
  void approach(const double* target, double dt, double* q, Rungs& rungs) const noexcept;

 private:
  std::vector<double> default_, scale_, lower_, upper_, rate_;
};

}  // namespace metaworld_rt::control
