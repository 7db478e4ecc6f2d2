// a_ref = sum_i w~_i * pi_i(s): the reference action of the frozen experts.
#pragma once

#include "metaworld_rt/bundle.hpp"

namespace metaworld_rt::skills {

class ExpertLibrary {
 public:
  /// Throws Error if an expert does not map the features to one action a joint.
  explicit ExpertLibrary(const Bundle& bundle);
  std::size_t size() const noexcept { return experts_.size(); }
  /// reference[n]: each expert's action is clamped to [-1,1], which is what it would apply alone, then mixed. Experts
  /// of weight 0 are not run. False if an expert that counts gave a value that is not finite. Real-time safe.
  bool reference(const float* phi, const float* mixture, Workspace& workspace, float* reference) const noexcept;
  /// Cycles/s of the gait under `weights`: sum of w_i / period_i over the experts that have a period.
  double phase_rate(const float* weights) const noexcept;

 private:
  const std::vector<Expert>& experts_;
  std::size_t joints_;
};

}  // namespace metaworld_rt::skills
