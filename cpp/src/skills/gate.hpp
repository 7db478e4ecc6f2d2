// p(i|s) = softmax(f(phi)): the learned gate over the experts.
#pragma once

#include <array>

#include "metaworld_rt/bundle.hpp"

namespace metaworld_rt::skills {

/// A bundle without a gate has no opinion about the state, so the gate then repeats the commanded weights: a uniform
/// mixture of a stand, a run and a reach is not a skill, and with p = w every alpha gives w.
class Gate {
 public:
  /// `enabled` false: as if the bundle had none. Throws Error if its sizes do not fit the bundle.
  Gate(const Bundle& bundle, bool enabled);
  bool trained() const noexcept { return network_ != nullptr; }
  /// p[experts]. Logits that are not finite count as no gate: p = commanded, and false. Real-time safe.
  bool probabilities(const float* phi, const float* commanded, Workspace& workspace, float* p) const noexcept;

 private:
  const Network* network_;
  std::size_t experts_;
};

}  // namespace metaworld_rt::skills
