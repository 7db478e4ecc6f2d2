#include "control/semantic_policy.hpp"

#include <algorithm>
#include <cmath>

#include "control/time.hpp"

namespace metaworld_rt::control {
namespace {

constexpr float kSimplexTolerance = 1e-2f;

bool same(const Stage& a, const Stage& b) noexcept {
  return a.weights == b.weights && a.alpha == b.alpha && a.goal.heading == b.goal.heading &&
         a.goal.speed == b.goal.speed && a.goal.target == b.goal.target && a.goal.has_target == b.goal.has_target &&
         a.until == b.until && a.threshold == b.threshold && a.timeout_s == b.timeout_s;
}

void normalise(Stage& stage, std::size_t n) noexcept {
  float sum = 0.0f;
  for (std::size_t i = 0; i < n; ++i) sum += stage.weights[i];
  for (std::size_t i = 0; i < n; ++i) stage.weights[i] /= sum;
}

double horizontal(const double* a, const double* b) noexcept { return std::hypot(a[0] - b[0], a[1] - b[1]); }

}  // namespace

SemanticPolicy::SemanticPolicy(const Bundle& bundle, const skills::ObservationLayout& layout, float alpha_override,
                               bool use_semantic, bool has_gate, bool has_handover)
    : bundle_(bundle),
      layout_(layout),
      n_(bundle.experts.size()),
      override_(alpha_override),
      use_semantic_(use_semantic),
      has_gate_(has_gate),
      has_handover_(has_handover),
      ttl_(from_ms(bundle.semantic_ttl_ms)),
      fade_(from_ms(bundle.fade_ms)),
      upright_for_(kSecond / 2),
      wait_(bundle.handover ? from_ms(bundle.handover->wait_ms) : 0),
      alpha_step_(bundle.fade_ms > 0 ? static_cast<float>(1e3 / (bundle.fade_ms * bundle.decision_hz)) : 1.0f),
      weight_step_(static_cast<float>(bundle.limits.weight_slew_per_s / bundle.decision_hz)) {}

bool SemanticPolicy::valid(const Stage& stage) const noexcept {
  float sum = 0.0f;
  for (std::size_t i = 0; i < kMaxSkills; ++i) {
    const float w = stage.weights[i];
    if (!(w >= 0.0f && w <= 1.0f + kSimplexTolerance) || (i >= n_ && w != 0.0f)) return false;
    sum += w;
  }
  const Goal& goal = stage.goal;
  const bool finite = std::isfinite(goal.heading) && std::isfinite(goal.speed) && std::isfinite(goal.target[0]) &&
                      std::isfinite(goal.target[1]) && std::isfinite(goal.target[2]) &&
                      std::isfinite(stage.threshold) && std::isfinite(stage.timeout_s);
  if (!finite || std::abs(sum - 1.0f) > kSimplexTolerance || !(stage.alpha <= 1.0f) || stage.timeout_s < 0.0f)
    return false;
  const auto has = [&](ObservationKind kind) { return bundle_.find(kind) != nullptr; };
  const bool has_goal = goal.has_target || has(ObservationKind::goal_pos);
  switch (stage.until) {
    case Until::never:
    case Until::elapsed:
    case Until::distance:
    case Until::passed_x:
    case Until::upright:
      return true;
    case Until::door_hinge:
    case Until::door_latch:
      return has(ObservationKind::door);
    case Until::hand_to_goal:
      return has_goal && has(ObservationKind::left_hand_pos);
    case Until::base_to_goal:
      return has_goal;
  }
  return false;
}

bool SemanticPolicy::accept(SemanticState& state, const SkillCommand& command, std::int64_t t,
                            Rungs& rungs) const noexcept {
  bool ok = command.stage_count >= 1 && command.stage_count <= kMaxStages && command.ttl_ns >= 0;
  for (std::uint32_t i = 0; ok && i < command.stage_count; ++i) ok = valid(command.stages[i]);
  if (!ok) {
    rungs.count(Rung::semantic_rejected);
    return false;
  }
  SkillCommand next = command;
  for (std::uint32_t i = 0; i < next.stage_count; ++i) normalise(next.stages[i], n_);
  bool refresh = state.commanded && next.id == state.command.id && next.stage_count == state.command.stage_count;
  for (std::uint32_t i = 0; refresh && i < next.stage_count; ++i)
    refresh = same(next.stages[i], state.command.stages[i]);
  // A stamp from the future would make a command immortal.
  state.stamp = command.t_ns <= 0 ? t : std::min(command.t_ns, t);
  state.command = next;
  state.commanded = true;
  if (refresh) return true;
  state.stage = 0;
  state.stage_begun = false;
  state.done = false;
  state.upright_t = -1;
  return true;
}

bool SemanticPolicy::stage_done(SemanticState& state, const Stage& stage, std::int64_t t,
                                const double* observation) const noexcept {
  const double threshold = stage.threshold;
  const double* base = layout_.find(ObservationKind::base_pos, observation);
  const double target[3] = {stage.goal.target[0], stage.goal.target[1], stage.goal.target[2]};
  const double* goal = stage.goal.has_target ? target : layout_.find(ObservationKind::goal_pos, observation);
  if (stage.timeout_s > 0.0f && t - state.stage_t >= from_seconds(stage.timeout_s)) return true;
  switch (stage.until) {
    case Until::never:
      return false;
    case Until::elapsed:
      return t - state.stage_t >= from_seconds(threshold);
    case Until::distance:
      return horizontal(base, state.stage_xy.data()) >= threshold;
    case Until::door_hinge:
      return layout_.find(ObservationKind::door, observation)[0] >= threshold;
    case Until::door_latch:
      return layout_.find(ObservationKind::door, observation)[1] >= threshold;
    case Until::hand_to_goal: {
      const double* hand = layout_.find(ObservationKind::left_hand_pos, observation);
      return std::hypot(hand[0] - goal[0], hand[1] - goal[1], hand[2] - goal[2]) <= threshold;
    }
    case Until::base_to_goal:
      return horizontal(base, goal) <= threshold;
    case Until::passed_x:
      return base[0] >= threshold;
    case Until::upright: {
      const double up = skills::rotation_of(layout_.find(ObservationKind::base_quat, observation))[8];
      if (!(up >= threshold)) {
        state.upright_t = -1;
        return false;
      }
      if (state.upright_t < 0) state.upright_t = t;
      return t - state.upright_t >= upright_for_;
    }
  }
  return false;
}

void SemanticPolicy::advance(SemanticState& state, std::int64_t t, const double* observation) const noexcept {
  if (!state.stage_begun) {
    const double* base = layout_.find(ObservationKind::base_pos, observation);
    state.stage_begun = true;
    state.stage_t = t;
    state.stage_xy = {base[0], base[1]};
    state.upright_t = -1;
  }
  if (state.done || !stage_done(state, state.command.stages[state.stage], t, observation)) return;
  if (state.stage + 1 == state.command.stage_count) {
    state.done = true;  // the last stage stays in force
    return;
  }
  ++state.stage;
  state.stage_begun = false;  // its origin is taken at the next decision, and its condition tested from there
}

void SemanticPolicy::decide(SemanticState& state, std::int64_t t, const double* observation,
                            Rungs& rungs) const noexcept {
  std::array<float, kMaxSkills> target{};
  target[bundle_.safe_skill] = 1.0f;
  float alpha = 1.0f;
  Goal goal = state.goal;
  if (!use_semantic_) {
    alpha = has_gate_ ? 0.0f : 1.0f;
  } else if (state.commanded) {
    advance(state, t, observation);
    const Stage& stage = state.command.stages[state.stage];
    const std::int64_t ttl = state.command.ttl_ns > 0 ? state.command.ttl_ns : ttl_;
    const std::int64_t late = age(state, t) - ttl;
    if (late <= fade_) {
      target = stage.weights;
      alpha = override_ >= 0.0f ? override_ : stage.alpha >= 0.0f ? stage.alpha : bundle_.alpha;
      goal = stage.goal;
      if (late > 0) {
        alpha = 0.0f;
        rungs.count(Rung::semantic_stale);
      }
    } else {
      goal.speed = 0.0f;  // the heading stays: a robot left alone must not turn
      rungs.count(Rung::semantic_safe);
    }
  }
  if (!state.begun) {
    state.begun = true;
    state.weights = state.target = target;
    state.goal = goal;
    state.alpha = alpha;
    return;
  }
  if (has_handover_ && must_wait(state, target, t, rungs)) {
    target = state.target;
  } else {
    state.target = target;
    state.goal = goal;
  }
  float most = 0.0f;
  for (std::size_t i = 0; i < n_; ++i) most = std::max(most, std::abs(target[i] - state.weights[i]));
  if (most <= weight_step_)
    state.weights = target;
  else
    for (std::size_t i = 0; i < n_; ++i) state.weights[i] += (target[i] - state.weights[i]) * (weight_step_ / most);
  state.alpha += std::clamp(alpha - state.alpha, -alpha_step_, alpha_step_);
}

bool SemanticPolicy::must_wait(SemanticState& state, const std::array<float, kMaxSkills>& target, std::int64_t t,
                               Rungs& rungs) const noexcept {
  const std::size_t next = leading(target);
  const bool ready = next == leading(state.target) || state.ready[next] >= bundle_.handover->ready;
  if (ready) {
    state.waiting_t = -1;
    return false;
  }
  if (state.waiting_t < 0) state.waiting_t = t;
  if (t - state.waiting_t < wait_) return true;
  state.waiting_t = -1;
  rungs.count(Rung::handover_unready);
  return false;
}

std::size_t SemanticPolicy::leading(const std::array<float, kMaxSkills>& weights) const noexcept {
  return static_cast<std::size_t>(std::max_element(weights.begin(), weights.begin() + n_) - weights.begin());
}

void SemanticPolicy::restart(SemanticState& state) const noexcept { state = SemanticState{}; }

std::int64_t SemanticPolicy::age(const SemanticState& state, std::int64_t t) noexcept {
  return state.commanded ? std::max<std::int64_t>(0, t - state.stamp) : 0;
}

void SemanticPolicy::shift(SemanticState& state, std::int64_t by) noexcept {
  state.stamp += by;
  state.stage_t += by;
  if (state.upright_t >= 0) state.upright_t += by;
  if (state.waiting_t >= 0) state.waiting_t += by;
}

bool SemanticPolicy::carry_over(SemanticState& state, const Bundle& from) const noexcept {
  std::array<std::size_t, kMaxSkills> to{};
  for (std::size_t i = 0; i < from.experts.size(); ++i) {
    to[i] = kMaxSkills;
    for (std::size_t j = 0; j < n_; ++j)
      if (from.experts[i].name == bundle_.experts[j].name) to[i] = j;
  }
  const auto remap = [&](std::array<float, kMaxSkills>& weights) {
    std::array<float, kMaxSkills> mapped{};
    float sum = 0.0f;
    for (std::size_t i = 0; i < from.experts.size(); ++i)
      if (to[i] < kMaxSkills) sum += mapped[to[i]] = weights[i];
    if (sum <= kSimplexTolerance) return false;
    for (std::size_t j = 0; j < n_; ++j) weights[j] = mapped[j] / sum;
    for (std::size_t j = n_; j < kMaxSkills; ++j) weights[j] = 0.0f;
    return true;
  };
  bool kept = remap(state.weights) && remap(state.target);
  state.ready.fill(0.0f);  // of other experts; known again after this decision
  for (std::uint32_t i = 0; kept && state.commanded && i < state.command.stage_count; ++i)
    kept = remap(state.command.stages[i].weights);
  if (!kept) restart(state);
  return kept;
}

}  // namespace metaworld_rt::control
