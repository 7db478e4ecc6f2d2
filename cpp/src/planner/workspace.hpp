// Everything that a plan writes, allocated once.
#pragma once

#include <cstdint>
#include <vector>

#include "metaworld_rt/bundle.hpp"
#include "metaworld_rt/types.hpp"
#include "planner/packed_model.hpp"

namespace metaworld_rt::planner {

/// Settings brought into range: counts at least 1, seeds at most `samples`, elites at most `samples`.
PlannerSettings in_range(PlannerSettings s) noexcept;

/// Standard normal numbers from outside, for comparison with other engines; row-major.
struct NoiseView {
  const float* prior = nullptr;   ///< [H][P][A]
  const float* expert = nullptr;  ///< [H][E][A]
  const float* sample = nullptr;  ///< [I][H][N - P - E][A]
};

/// What an inspection of the planner sees; row-major.
struct Trace {
  std::vector<float> values;          ///< [I][N]
  std::vector<std::uint32_t> elites;  ///< [I][elites], best first
  std::vector<float> mean, std;       ///< [I][H][A]
  std::vector<float> actions;         ///< [I][N][H][A]
};

/// One plan's state, shared by its threads. Actions have rows of `stride` = padded(A) floats.
struct PlanState {
  PlanState(const PackedModel& m, const PlannerSettings& s);

  std::uint32_t horizon, samples, seeds, stride;
  std::vector<AlignedVector<float>> bias;  ///< of each input layer, with the share of c
  AlignedVector<float> first_bias;         ///< of the step's input layer, with the shares of c and z0
  AlignedVector<float> z0;                 ///< fp32
  AlignedVector<std::uint32_t> z0_words;
  AlignedVector<float> reference;      ///< a_ref,0, [stride]
  AlignedVector<float> mixture;        ///< [experts]
  AlignedVector<float> mean, std;      ///< [H][stride]
  AlignedVector<float> actions;        ///< [N][H][stride]
  AlignedVector<float> value;          ///< [N]; the seeds' are kept from the first iteration on
  AlignedVector<std::uint32_t> order;  ///< candidates, elites first
  AlignedVector<float> score;          ///< [elites]

  float* action(std::uint32_t row, std::uint32_t t) noexcept {
    return actions.data() + (std::size_t{row} * horizon + t) * stride;
  }
};

/// One thread's buffers for a block of at most `rows` trajectories.
struct Scratch {
  Scratch(const PackedModel& m, const PlannerSettings& s, std::uint32_t rows);

  /// An operand between two layers.
  struct Operand {
    AlignedVector<std::uint32_t> words;
    AlignedVector<float> scale, zero;  ///< int8, int16
  };
  std::uint32_t rows;
  std::size_t x_stride, wide_stride, layer_stride, hidden_stride;
  AlignedVector<std::uint32_t> x;              ///< [rows][z | a], the input of every network
  AlignedVector<float> unit_scale, unit_zero;  ///< of x, where it is int8 or int16
  AlignedVector<float> wide;                   ///< products of an input layer
  AlignedVector<float> layer;                  ///< products of a hidden or output layer
  Operand hidden[2];
  AlignedVector<float> result, discount, gain[2];  ///< [rows]
  AlignedVector<float> reference;                  ///< [rows][stride]
  AlignedVector<float> head;                       ///< a latent expert's output; the encoder's input
  AlignedVector<float> noise;
};

}  // namespace metaworld_rt::planner
