#include "skills/gate.hpp"

#include <algorithm>
#include <cmath>

namespace metaworld_rt::skills {

Gate::Gate(const Bundle& bundle, bool enabled)
    : network_(enabled && bundle.gate ? &*bundle.gate : nullptr), experts_(bundle.experts.size()) {
  if (network_ && (network_->input_size() != bundle.feature_size || network_->output_size() != experts_))
    throw Error("bundle " + bundle.name + ": the gate must map the features to one logit an expert");
}

bool Gate::probabilities(const float* phi, const float* commanded, Workspace& workspace, float* p) const noexcept {
  if (network_) {
    network_->run(phi, p, workspace);
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
