// Whether a low-precision model may plan in place of the fp32 one.
#pragma once

#include <memory>
#include <span>

#include "metaworld_rt/planner.hpp"
#include "planner/mppi.hpp"

namespace metaworld_rt::planner {

/// Least rank correlation of trajectory values that passes.
inline constexpr double kLeastRankCorrelation = 0.995;

/// Spearman's correlation, ties with their mean rank. 1 for equal order; 0 where either side is constant.
double rank_correlation(std::span<const float> a, std::span<const float> b);

/// Plans for each state with both models and the same noise. Trajectory values are compared on the candidates of the
/// first iteration, which are the same on both sides up to the seeds; first actions at the end.
/// `states`: row-major [n][features + condition]. Load time only.
PrecisionReport compare(Mppi& exact, Mppi& low, std::span<const float> states, Precision requested, double tolerance);

}  // namespace metaworld_rt::planner
