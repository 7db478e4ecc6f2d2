// What the semantic layer's newest word means now: which stage, which weights, how much trust, which goal.
#pragma once

#include <array>
#include <cstdint>

#include "control/rungs.hpp"
#include "metaworld_rt/bundle.hpp"
#include "skills/features.hpp"

namespace metaworld_rt::control {

/// Mutable part; plain, for keyframes.
struct SemanticState {
  bool commanded = false;    ///< a command is in force (else the safe skill)
  bool begun = false;        ///< a decision was made, so weights may not jump any more
  bool stage_begun = false;  ///< the stage's origin is known
  bool done = false;         ///< the last stage's condition has been met
  SkillCommand command{};    ///< weights renormalised
  std::int64_t stamp = 0;    ///< when the command's age began
  std::uint32_t stage = 0;
  std::int64_t stage_t = 0;  ///< when the stage began
  std::array<double, 2> stage_xy{};
  std::int64_t upright_t = -1;  ///< since when upright; negative: it is not
  Goal goal{};
  std::array<float, kMaxSkills> target{};   ///< what w moves to
  std::array<float, kMaxSkills> ready{};    ///< of each expert to take over, as of the decision before; see Handover
  std::int64_t waiting_t = -1;              ///< since when a skill is waited for; negative: none is
  std::array<float, kMaxSkills> weights{};  ///< w: slewed
  float alpha = 1.0f;                       ///< slewed
};

/// Age policy: fresh -> (older than the TTL) trust fades to the gate alone -> (fade_ms later) the safe skill takes
/// over. Without a trained gate there is nothing to fade to, and the step between changes nothing. w moves along the
/// straight line to its target, no component faster than weight_slew_per_s; alpha takes fade_ms for its whole range.
/// Only the first decision after construction, reset or re-arm jumps: there is nothing to slew from.
///
/// Where the bundle has a handover, another leading skill, and the goal that comes with it, is not moved to until it is
/// ready, wait_ms at the longest (handover_unready); the safe skill neither. Stages and their clocks go on meanwhile.
class SemanticPolicy {
 public:
  SemanticPolicy(const Bundle& bundle, const skills::ObservationLayout& layout, float alpha_override, bool use_semantic,
                 bool has_gate, bool has_handover);

  /// Takes a command at time t. False and semantic_rejected: not a valid one, nothing changed.
  bool accept(SemanticState& state, const SkillCommand& command, std::int64_t t, Rungs& rungs) const noexcept;
  /// Once a decision, before the features: advances stages, then weights, alpha and goal.
  void decide(SemanticState& state, std::int64_t t, const double* observation, Rungs& rungs) const noexcept;
  /// Forgets the command: the safe skill, at once.
  void restart(SemanticState& state) const noexcept;
  /// Age of the command at t, ns; 0 if there is none.
  static std::int64_t age(const SemanticState& state, std::int64_t t) noexcept;
  /// Moves the timers with the clock.
  static void shift(SemanticState& state, std::int64_t by) noexcept;
  /// Carries a state over from the bundle `from` by expert name. False: none of its skills exist here, safe skill.
  bool carry_over(SemanticState& state, const Bundle& from) const noexcept;

 private:
  bool valid(const Stage& stage) const noexcept;
  bool stage_done(SemanticState& state, const Stage& stage, std::int64_t t, const double* observation) const noexcept;
  void advance(SemanticState& state, std::int64_t t, const double* observation) const noexcept;
  bool must_wait(SemanticState& state, const std::array<float, kMaxSkills>& target, std::int64_t t,
                 Rungs& rungs) const noexcept;
  std::size_t leading(const std::array<float, kMaxSkills>& weights) const noexcept;

  const Bundle& bundle_;
  const skills::ObservationLayout& layout_;
  std::size_t n_;
  float override_;
  bool use_semantic_, has_gate_, has_handover_;
  std::int64_t ttl_, fade_, upright_for_, wait_;
  float alpha_step_, weight_step_;  ///< a decision
};

}  // namespace metaworld_rt::control
