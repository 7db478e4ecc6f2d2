#include "skills/expert_library.hpp"

#include <algorithm>
#include <cmath>

namespace metaworld_rt::skills {

ExpertLibrary::ExpertLibrary(const Bundle& bundle) : experts_(bundle.experts), joints_(bundle.robot.size()) {
  for (const Expert& e : experts_)
    if (e.network.input_size() != bundle.feature_size || e.network.output_size() != joints_)
      throw Error("bundle " + bundle.name + ": expert \"" + e.name + "\" must map " +
                  std::to_string(bundle.feature_size) + " features to " + std::to_string(joints_) + " actions");
}

bool ExpertLibrary::reference(const float* phi, const float* mixture, Workspace& workspace,
                              float* reference) const noexcept {
  std::fill_n(reference, joints_, 0.0f);
  bool finite = true;
  float action[kMaxJoints];
  for (std::size_t i = 0; i < experts_.size(); ++i) {
    if (mixture[i] <= 0.0f) continue;
    experts_[i].network.run(phi, action, workspace);
    for (std::size_t j = 0; j < joints_; ++j) {
      finite = finite && std::isfinite(action[j]);
      reference[j] += mixture[i] * std::clamp(action[j], -1.0f, 1.0f);
    }
  }
  return finite;
}

double ExpertLibrary::phase_rate(const float* weights) const noexcept {
  double rate = 0.0;
  for (std::size_t i = 0; i < experts_.size(); ++i)
    if (experts_[i].phase_period_s > 0.0) rate += static_cast<double>(weights[i]) / experts_[i].phase_period_s;
  return rate;
}

}  // namespace metaworld_rt::skills
