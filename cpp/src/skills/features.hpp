// phi(s): the proprioceptive vector that every network reads. The vocabulary is docs/bundle.md's.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "metaworld_rt/bundle.hpp"

namespace metaworld_rt::skills {

/// Where each term starts in the flat observation; negative: the bundle has no such term.
class ObservationLayout {
 public:
  explicit ObservationLayout(const Bundle& bundle);
  /// Pointer to the term in `observation`, or nullptr if the bundle has none.
  const double* find(ObservationKind kind, const double* observation) const noexcept {
    const std::int32_t at = offset_[static_cast<std::size_t>(kind)];
    return at < 0 ? nullptr : observation + at;
  }

 private:
  std::array<std::int32_t, static_cast<std::size_t>(ObservationKind::count)> offset_;
};

/// What the features of one decision are made of, besides the bundle.
struct FeatureInputs {
  const double* observation;  ///< bundle.observation_size values, finite, base_quat not zero
  const Goal* goal;
  const float* prev_action;  ///< n
  double phase;              ///< cycles
};

/// The bundle's list of features, resolved once to functions.
class FeatureTable {
 public:
  /// Throws Error if a feature needs an observation term that the bundle lacks. goal_pos may be missing: a Goal can
  /// carry a target instead, and with neither the vector to the goal is zero.
  explicit FeatureTable(const Bundle& bundle);
  std::size_t size() const noexcept { return size_; }
  /// phi[size()] = value * scale, computed in double and rounded once. Real-time safe.
  void compute(const FeatureInputs& inputs, float* phi) const noexcept;

  /// Everything a term function may read.
  struct Context {
    const FeatureInputs* inputs;
    const ObservationLayout* layout;
    const double* default_pos;
    std::size_t joints;
    std::array<double, 9> rotation;  ///< R, body to world, row-major
    const double* base_pos;
    const double* goal_pos;  ///< nullptr: no goal
  };
  using Term = void (*)(const Context&, double* out) noexcept;

 private:
  struct Row {
    Term term;
    std::uint32_t offset, size;
    double scale;
  };
  std::vector<Row> rows_;
  ObservationLayout layout_;
  std::vector<double> default_pos_;
  std::size_t size_;
};

/// R of a quaternion w x y z (body to world), row-major; normalised first.
std::array<double, 9> rotation_of(const double* quat) noexcept;

}  // namespace metaworld_rt::skills
