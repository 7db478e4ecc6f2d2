#include "planner/workspace.hpp"

#include <algorithm>

namespace metaworld_rt::planner {

using kernels::kPad;
using kernels::padded;

PlannerSettings in_range(PlannerSettings s) noexcept {
  s.horizon = std::clamp<std::uint32_t>(s.horizon, 1, kMaxHorizon);
  s.samples = std::max<std::uint32_t>(s.samples, 1);
  s.iterations = std::max<std::uint32_t>(s.iterations, 1);
  s.prior_trajectories = std::min(s.prior_trajectories, s.samples);
  s.expert_trajectories = std::min(s.expert_trajectories, s.samples - s.prior_trajectories);
  s.elites = std::clamp<std::uint32_t>(s.elites, 1, s.samples);
  return s;
}

PlanState::PlanState(const PackedModel& m, const PlannerSettings& s)
    : horizon(s.horizon),
      samples(s.samples),
      seeds(s.prior_trajectories + s.expert_trajectories),
      stride(static_cast<std::uint32_t>(padded(m.actions))),
      first_bias(m.step_input.weights.columns),
      z0(padded(m.latent)),
      z0_words(padded(m.latent)),
      reference(stride),
      mixture(padded(m.experts)),
      mean(std::size_t{horizon} * stride),
      std(std::size_t{horizon} * stride),
      actions(std::size_t{samples} * horizon * stride),
      value(padded(samples) + kPad),
      order(samples),
      score(s.elites) {
  for (const InputLayer* input : m.inputs) bias.emplace_back(input->bias);
}

Scratch::Scratch(const PackedModel& m, const PlannerSettings& s, std::uint32_t n)
    : rows(n),
      // 16 more than a multiple of 16: rows of 2048 bytes would share few sets of the cache.
      x_stride(padded(m.z_words + padded(m.actions)) + kPad),
      wide_stride(m.widest_input + kPad),
      layer_stride(m.widest_layer + kPad),
      hidden_stride(padded(kernels::words(m.storage, m.widest_layer)) + kPad),
      x(rows * x_stride + kPad),
      unit_scale(rows, 1.0f / kernels::unit_steps(m.storage)),
      unit_zero(rows, 0.0f),
      wide(rows * wide_stride + kPad),
      layer(rows * layer_stride + kPad),
      result(padded(rows)),
      discount(padded(rows)),
      reference(std::size_t{rows} * padded(m.actions)),
      head(std::max<std::size_t>(rows * layer_stride, padded(m.features + m.condition)) + kPad),
      noise(padded(std::size_t{s.horizon} * m.actions) + 64 + kPad) {
  for (Operand& h : hidden) {
    h.words.assign(rows * hidden_stride + kPad, 0u);
    h.scale.assign(rows, 0.0f);
    h.zero.assign(rows, 0.0f);
  }
  for (auto& g : gain) g.assign(padded(rows), 0.0f);
}

}  // namespace metaworld_rt::planner
