// How likely each expert is to manage when it takes over from the state at hand: sigmoid(f(phi)).
#pragma once

#include <cmath>

#include "metaworld_rt/bundle.hpp"

namespace metaworld_rt::skills {

/// An expert that can stop a robot in one phase of a stride falls in another: who asks it at the right moment needs no
/// better expert. The network has seen, in training, what became of such a switch from states like this one.
class Handover {
 public:
  /// `enabled` false: as if the bundle had none. Throws Error if its sizes do not fit the bundle.
  Handover(const Bundle& bundle, bool enabled)
      : network_(enabled && bundle.handover ? &bundle.handover->network : nullptr), experts_(bundle.experts.size()) {
    if (network_ && (network_->input_size() != bundle.feature_size || network_->output_size() != experts_))
      throw Error("bundle " + bundle.name + ": handover must map the features to one logit an expert");
  }

  bool trained() const noexcept { return network_ != nullptr; }

  /// ready[experts], 0..1. An expert whose logit is not finite counts as ready: nobody waits for what nobody knows.
  /// Only where trained(). Real-time safe.
  void readiness(const float* phi, Workspace& workspace, float* ready) const noexcept {
    network_->run(phi, ready, workspace);
    for (std::size_t i = 0; i < experts_; ++i)
      ready[i] = std::isfinite(ready[i]) ? 1.0f / (1.0f + std::exp(-ready[i])) : 1.0f;
  }

 private:
  const Network* network_;
  std::size_t experts_;
};

}  // namespace metaworld_rt::skills
