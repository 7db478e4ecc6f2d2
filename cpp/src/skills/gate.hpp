// p(i|s, c) = softmax(f(phi, c)): the learned gate over the experts.
#pragma once

#include <algorithm>
#include <array>

#include "metaworld_rt/bundle.hpp"

namespace metaworld_rt::skills {

/// c is the command, w times the trust in it: from the state alone nobody can tell a robot that stands because it was
/// told to from one that begins to reach, and a gate that guesses wrong pulls it back. With c = 0 it says what is best
/// from here; p(i|s) of MetaWorld (arXiv 2601.17507) is the gate without c.
///
/// A bundle without a gate has no opinion about the state, so the gate then repeats the commanded weights: a uniform
/// mixture of a stand, a run and a reach is not a skill, and with p = w every alpha gives w.
class Gate {
 public:
  /// `enabled` false: as if the bundle had none. Throws Error if its sizes do not fit the bundle.
  Gate(const Bundle& bundle, bool enabled);
  bool trained() const noexcept { return network_ != nullptr; }
  /// The trust, 0..1, that goes with an alpha in force: all of it from the bundle's own alpha on.
  float trust(float alpha) const noexcept { return alpha_ > 0.0f ? std::min(1.0f, alpha / alpha_) : 0.0f; }
  /// p[experts]. Logits that are not finite count as no gate: p = commanded, and false. Real-time safe.
  bool probabilities(const float* phi, const float* commanded, float trust, Workspace& workspace,
                     float* p) const noexcept;

 private:
  const Network* network_;
  std::size_t experts_;
  float alpha_;
  std::size_t features_, condition_;
};

}  // namespace metaworld_rt::skills
