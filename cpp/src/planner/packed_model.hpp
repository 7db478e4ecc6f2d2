// The world model with its weights packed for the batched kernels. Constant after construction; any number of
// workspaces run it.
#pragma once

#include <optional>

#include "planner/model_spec.hpp"

namespace metaworld_rt::planner {

using kernels::AlignedVector;

/// What follows a dense layer's product.
struct Finish {
  std::uint32_t n = 0;
  AlignedVector<float> gain, bias;  ///< padded; empty: no norm
  float epsilon = 1e-5f;
  kernels::RowActivation activation = kernels::RowActivation::none;
  float alpha = 1.0f;
  std::uint32_t group = 0;
  float step = 1.0f;  ///< int16: of the operand that is written
};

struct Layer {
  kernels::PackedWeights weights;
  AlignedVector<float> bias;  ///< padded
  Finish finish;
};

/// The first layers of networks that read the same [z | a], side by side in one matrix. The share of c goes into the
/// bias once a plan, and so does that of z at t = 0, which all trajectories share.
struct InputLayer {
  kernels::PackedWeights weights;    ///< along K: z, padded to whole words, then a, where it is read
  AlignedVector<float> bias;         ///< [columns]
  AlignedVector<float> condition;    ///< [c][columns]: weights of c
  std::vector<Finish> parts;         ///< one a network
  std::vector<std::uint32_t> first;  ///< its first column
  std::uint32_t index = 0;           ///< of its bias in PlanState
};

/// What comes after a network's part of an input layer.
struct Net {
  const InputLayer* input = nullptr;
  std::uint32_t part = 0;
  std::vector<Layer> rest;
  const Finish& output() const noexcept { return rest.empty() ? input->parts[part] : rest.back().finish; }
};

struct PackedModel {
  /// Throws Error: the spec is not valid, or not one whose activations have bounds, where int8 or int16 needs them.
  PackedModel(const ModelSpec& spec, kernels::Storage storage, kernels::Isa isa);
  PackedModel(const PackedModel&) = delete;
  PackedModel& operator=(const PackedModel&) = delete;

  kernels::Storage storage;
  const kernels::BatchKernels& kernels;
  std::uint32_t features, latent, actions, condition, bins, experts;
  float discount;
  ModelSpec::LogStd log_std;
  std::uint32_t z_words, a_words;
  std::uint32_t widest_input = 0, widest_layer = 0;  ///< columns
  AlignedVector<float> points;                       ///< of the two-hot bins

  std::vector<Layer> encoder;  ///< fp32 always; reads [phi | c]
  InputLayer step_input, value_input, prior_input, termination_input;
  std::vector<InputLayer> expert_inputs;
  Net dynamics, reward, prior, q[2];
  std::uint32_t q_count;
  std::optional<Net> termination;
  std::vector<Net> expert;

  std::vector<const InputLayer*> inputs;  ///< by InputLayer::index

  /// Multiply-adds times two of one trajectory step by step, padding not counted. For the benchmark.
  double step_flop = 0, first_step_flop = 0, terminal_flop = 0, prior_flop = 0, expert_flop = 0;
};

}  // namespace metaworld_rt::planner
