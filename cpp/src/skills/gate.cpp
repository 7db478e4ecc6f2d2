#include "skills/gate.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace metaworld_rt::skills {

Gate::Gate(const Bundle& bundle, bool enabled)
    : network_(enabled && bundle.gate ? &*bundle.gate : nullptr),
      experts_(bundle.experts.size()),
      alpha_(bundle.alpha),
      features_(bundle.feature_size),
      condition_(bundle.gate_condition) {
  if (network_ && (network_->input_size() != features_ + condition_ || network_->output_size() != experts_))
    throw Error("bundle " + bundle.name + ": the gate must map the features" + (condition_ ? " and the command" : "") +
                " to one logit an expert");
}

bool Gate::probabilities(const float* phi, const float* commanded, float trust, Workspace& workspace,
                         float* p) const noexcept {
  if (network_) {
    std::array<float, kMaxFeatures + kMaxSkills> in;
    std::copy_n(phi, features_, in.data());
    for (std::size_t i = 0; i < condition_; ++i) in[features_ + i] = trust * commanded[i];
    network_->run(in.data(), p, workspace);
    bool finite = true;
    float top = p[0];
    for (std::size_t i = 0; i < experts_; ++i) {
      finite = finite && std::isfinite(p[i]);
      top = std::max(top, p[i]);
    }
    if (finite) {
      float sum = 0.0f;
      for (std::size_t i = 0; i < experts_; ++i) sum += p[i] = std::exp(p[i] - top);
      for (std::size_t i = 0; i < experts_; ++i) p[i] /= sum;
      return true;
    }
  }
  std::copy_n(commanded, experts_, p);
  return network_ == nullptr;
}

}  // namespace metaworld_rt::skills
