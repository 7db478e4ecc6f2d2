#include "planner/precision_gate.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace metaworld_rt::planner {
namespace {

std::vector<double> ranks(std::span<const float> v) {
  std::vector<std::size_t> order(v.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return v[a] < v[b]; });
  std::vector<double> rank(v.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i + 1;
    while (end < order.size() && v[order[end]] == v[order[i]]) ++end;
    for (std::size_t k = i; k < end; ++k) rank[order[k]] = 0.5 * static_cast<double>(i + end - 1);
    i = end;
  }
  return rank;
}

}  // namespace

double rank_correlation(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size() || a.size() < 2) return 1.0;
  const std::vector<double> x = ranks(a), y = ranks(b);
  const double mean = 0.5 * static_cast<double>(a.size() - 1);
  double xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : xx == yy ? 1.0 : 0.0;
}

PrecisionReport compare(Mppi& exact, Mppi& low, std::span<const float> states, Precision requested, double tolerance) {
  const PackedModel& m = exact.model();
  const std::size_t width = m.features + m.condition, samples = exact.settings().samples;
  PrecisionReport report;
  report.requested = report.used = requested;
  report.states = static_cast<std::uint32_t>(width ? states.size() / width : 0);
  bool finite = true;
  for (std::uint32_t i = 0; i < report.states; ++i) {
    PlanRequest request;
    request.decision = i;
    const float* state = states.data() + i * width;
    std::copy_n(state, m.features, request.phi.begin());
    std::copy_n(state + m.features, m.condition, request.condition.begin());
    // The mixture that the condition asks for where there is one, else an even one.
    for (std::uint32_t e = 0; e < m.experts; ++e) {
      request.mixture[e] = m.condition == m.experts ? request.condition[e] : 1.0f / static_cast<float>(m.experts);
    }
    Plan plans[2];
    Trace traces[2];
    Mppi* engines[2] = {&exact, &low};
    for (int k = 0; k < 2; ++k) {
      engines[k]->reset();
      engines[k]->plan(request, 0, plans[k], nullptr, nullptr, &traces[k]);
      engines[k]->reset();
      finite = finite && plans[k].finite;
    }
    if (!finite) break;
    report.rank_correlation = std::min(report.rank_correlation, rank_correlation({traces[0].values.data(), samples},
                                                                                 {traces[1].values.data(), samples}));
    for (std::uint32_t j = 0; j < m.actions; ++j) {
      const double difference = std::abs(double{plans[0].action[0][j]} - plans[1].action[0][j]);
      report.action_difference = std::max(report.action_difference, difference);
    }
  }
  char text[256];
  if (report.states == 0) {
    std::snprintf(text, sizeof text, "the bundle has no calibration states to check low precision on; fp32 is used");
  } else if (!finite) {
    std::snprintf(text, sizeof text, "a calibration state gives values that are not finite; fp32 is used");
  } else if (report.rank_correlation < kLeastRankCorrelation) {
    std::snprintf(text, sizeof text, "rank correlation of trajectory values %.5f is below %.3f; fp32 is used",
                  report.rank_correlation, kLeastRankCorrelation);
  } else if (report.action_difference > tolerance) {
    std::snprintf(text, sizeof text, "the first action differs by %.4f, more than the tolerance %.4f; fp32 is used",
                  report.action_difference, tolerance);
  } else {
    return report;
  }
  report.used = Precision::fp32;
  report.message = text;
  return report;
}

}  // namespace metaworld_rt::planner
