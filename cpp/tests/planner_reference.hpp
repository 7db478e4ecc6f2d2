// docs/bundle.md, "The planner, exactly", in plain double arithmetic: what the native planner is compared with.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "metaworld_rt/bundle.hpp"
#include "metaworld_rt/types.hpp"
#include "planner/model_spec.hpp"

namespace metaworld_rt::planner {

using Vector = std::vector<double>;

inline double activate(kernels::RowActivation f, double x, double alpha) {
  using R = kernels::RowActivation;
  switch (f) {
    case R::relu:
      return std::max(x, 0.0);
    case R::elu:
      return x > 0 ? x : alpha * std::expm1(x);
    case R::tanh:
      return std::tanh(x);
    case R::sigmoid:
      return 1 / (1 + std::exp(-x));
    case R::mish:
      return x * std::tanh(std::log1p(std::exp(x)));
    case R::silu:
      return x / (1 + std::exp(-x));
    case R::leaky_relu:
      return x > 0 ? x : alpha * x;
    case R::none:
      return x;
  }
  return x;
}

inline Vector forward(const NetSpec& net, Vector x) {
  for (const LayerSpec& l : net.layers) {
    Vector y(l.out);
    for (std::uint32_t n = 0; n < l.out; ++n) {
      y[n] = l.bias[n];
      for (std::uint32_t i = 0; i < l.in; ++i) y[n] += double{l.weight[std::size_t{n} * l.in + i]} * x[i];
    }
    if (!l.gain.empty()) {
      const double mean = std::accumulate(y.begin(), y.end(), 0.0) / l.out;
      double var = 0;
      for (const double v : y) var += (v - mean) * (v - mean) / l.out;
      for (std::uint32_t n = 0; n < l.out; ++n)
        y[n] = (y[n] - mean) / std::sqrt(var + l.epsilon) * l.gain[n] + l.norm_bias[n];
    }
    for (double& v : y) v = activate(l.activation, v, l.alpha);
    for (std::uint32_t g = 0; l.group && g < l.out; g += l.group) {
      double sum = 0;
      for (std::uint32_t i = g; i < g + l.group; ++i) sum += y[i] = std::exp(y[i]);
      for (std::uint32_t i = g; i < g + l.group; ++i) y[i] /= sum;
    }
    x = std::move(y);
  }
  return x;
}

inline Vector join(Vector a, const Vector& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class ReferencePlanner {
 public:
  ReferencePlanner(const ModelSpec& m, const PlannerSettings& s, const PlanRequest& r) : m_(m), s_(s) {
    c_.assign(r.condition.begin(), r.condition.begin() + m.condition);
    mixture_.assign(r.mixture.begin(), r.mixture.begin() + static_cast<long>(m.experts.size()));
    reference_.assign(r.reference.begin(), r.reference.begin() + m.actions);
    z0_ = forward(m.encoder, join(Vector(r.phi.begin(), r.phi.begin() + m.features), c_));
  }

  Vector prior_action(const Vector& z, const float* noise) const {
    const Vector out = forward(m_.prior, join(z, c_));
    Vector a(m_.actions);
    for (std::uint32_t j = 0; j < m_.actions; ++j) {
      const double raw = out[m_.actions + j], x = m_.log_std.squash ? std::tanh(raw) : raw;
      a[j] = std::tanh(out[j] + (noise ? std::exp(m_.log_std.scale * x + m_.log_std.shift) * noise[j] : 0.0));
    }
    return a;
  }
  Vector reference(const Vector& z, std::uint32_t t) const {
    if (t == 0 || m_.experts.empty()) return reference_;
    Vector a(m_.actions, 0.0);
    for (std::size_t e = 0; e < m_.experts.size(); ++e) {
      const Vector x = forward(m_.experts[e], z);
      for (std::uint32_t j = 0; j < m_.actions; ++j) a[j] += mixture_[e] * std::clamp(x[j], -1.0, 1.0);
    }
    return a;
  }
  Vector next(const Vector& z, const Vector& a) const { return forward(m_.dynamics, join(join(z, a), c_)); }

  /// Actions [H][A] of one prior trajectory (noise [H] rows of `stride`) or expert trajectory.
  std::vector<Vector> seed(bool prior, const float* noise, std::size_t stride, bool quiet) const {
    std::vector<Vector> actions;
    Vector z = z0_;
    for (std::uint32_t t = 0; t < s_.horizon; ++t) {
      Vector a;
      if (prior) {
        a = prior_action(z, noise + t * stride);
      } else {
        a = reference(z, t);
        for (std::uint32_t j = 0; j < m_.actions; ++j) {
          a[j] = std::clamp(a[j] + (quiet ? 0.0 : double{s_.min_std} * noise[t * stride + j]), -1.0, 1.0);
        }
      }
      actions.push_back(a);
      z = next(z, a);
    }
    return actions;
  }

  double decode(const NetSpec& net, const Vector& x) const {
    const Vector logits = forward(net, x);
    const double top = *std::max_element(logits.begin(), logits.end());
    double sum = 0, weight = 0;
    for (std::uint32_t i = 0; i < m_.bins; ++i) {
      const double e = std::exp(logits[i] - top);
      sum += e * (m_.vmin + (double{m_.vmax} - m_.vmin) * i / (m_.bins - 1));
      weight += e;
    }
    const double v = sum / weight;
    return std::copysign(std::expm1(std::abs(v)), v);
  }

  double value(const float* actions /* [H][A] */) const {
    Vector z = z0_;
    double total = 0, discount = 1;
    for (std::uint32_t t = 0; t < s_.horizon; ++t) {
      const Vector a(actions + t * m_.actions, actions + (t + 1) * m_.actions);
      double gain = decode(m_.reward, join(join(z, a), c_));
      if (s_.guidance != 0.0f) {
        const Vector ref = reference(z, t);
        double distance = 0;
        for (std::uint32_t j = 0; j < m_.actions; ++j) distance += (a[j] - ref[j]) * (a[j] - ref[j]);
        gain -= s_.guidance * distance;
      }
      total += discount * gain;
      z = next(z, a);
      discount *= m_.discount;
      if (m_.termination && forward(*m_.termination, join(z, c_))[0] > 0) discount = 0;
    }
    const Vector in = join(join(z, prior_action(z, nullptr)), c_);
    const double q0 = decode(m_.q[0], in), q1 = m_.q.size() > 1 ? decode(m_.q[1], in) : q0;
    return total + discount * (s_.q_reduction == QReduction::min ? std::min(q0, q1) : (q0 + q1) / 2);
  }

 private:
  const ModelSpec& m_;
  const PlannerSettings& s_;
  Vector c_, mixture_, reference_, z0_;
};

}  // namespace metaworld_rt::planner
