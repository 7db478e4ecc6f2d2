#include "planner/rollout.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

namespace metaworld_rt::planner {
namespace {

using kernels::GemmArgs;
using kernels::padded;
using kernels::RowArgs;
using kernels::Storage;

/// The networks on one thread's buffers.
struct Forward {
  const PackedModel& m;
  Scratch& s;
  std::uint32_t rows;

  int number() const noexcept { return static_cast<int>(m.storage); }

  /// x times an input layer into s.wide. `from`, `to`: words of x.
  void input(const InputLayer& layer, const float* bias, std::uint32_t from, std::uint32_t to) noexcept {
    GemmArgs g;
    g.weights = &layer.weights;
    g.begin = from;
    g.end = to;
    g.a = s.x.data() + from;
    g.a_stride = s.x_stride;
    g.a_scale = s.unit_scale.data();
    g.a_zero = s.unit_zero.data();
    g.rows = rows;
    g.bias = bias;
    g.c = s.wide.data();
    g.c_stride = s.wide_stride;
    m.kernels.gemm[number()](g);
  }

  RowArgs finish_args(const Finish& f, float* x, std::size_t stride) const noexcept {
    RowArgs r;
    r.x = x;
    r.x_stride = stride;
    r.rows = rows;
    r.n = f.n;
    r.gain = f.gain.empty() ? nullptr : f.gain.data();
    r.bias = f.bias.data();
    r.epsilon = f.epsilon;
    r.activation = f.activation;
    r.alpha = f.alpha;
    r.group = f.group;
    r.step = f.step;
    return r;
  }

  struct Product {
    float* x;
    std::size_t stride;
  };

  /// The layers after the input layer, up to the last product; the caller finishes that.
  Product rest(const Net& net) noexcept {
    Product p{s.wide.data() + net.input->first[net.part], s.wide_stride};
    const Finish* finish = &net.input->parts[net.part];
    for (std::size_t i = 0; i < net.rest.size(); ++i) {
      Scratch::Operand& h = s.hidden[i % 2];
      RowArgs r = finish_args(*finish, p.x, p.stride);
      r.out = h.words.data();
      r.out_stride = s.hidden_stride;
      r.out_scale = h.scale.data();
      r.out_zero = h.zero.data();
      m.kernels.finish[number()](r);
      GemmArgs g;
      g.weights = &net.rest[i].weights;
      g.end = g.weights->words;
      g.a = h.words.data();
      g.a_stride = s.hidden_stride;
      g.a_scale = h.scale.data();
      g.a_zero = h.zero.data();
      g.rows = rows;
      g.bias = net.rest[i].bias.data();
      g.c = s.layer.data();
      g.c_stride = s.layer_stride;
      m.kernels.gemm[number()](g);
      p = {s.layer.data(), s.layer_stride};
      finish = &net.rest[i].finish;
    }
    return p;
  }

  /// Expectations of a network's two-hot output.
  void decode(const Net& net, float* out) noexcept {
    const Product p = rest(net);
    m.kernels.two_hot({p.x, p.stride, rows, m.bins, m.points.data(), out});
  }

  /// The next z into x.
  void next() noexcept {
    const Product p = rest(m.dynamics);
    RowArgs r = finish_args(m.dynamics.output(), p.x, p.stride);
    r.out = s.x.data();
    r.out_stride = s.x_stride;
    r.out_scale = s.hidden[0].scale.data();  // unused: int8 and int16 end in SimNorm
    r.out_zero = s.hidden[0].zero.data();
    m.kernels.finish[number()](r);
  }

  void put_actions(const float* action, std::size_t stride) noexcept {
    const bool unsigned_ = m.storage == Storage::int8;  // (a + 1) / 2
    const float scale = unsigned_ ? 127.5f : kernels::unit_steps(m.storage), shift = unsigned_ ? 127.5f : 0.0f;
    for (std::uint32_t i = 0; i < rows; ++i) {
      m.kernels.convert[number()](action + i * stride, m.actions, scale, shift,
                                  s.x.data() + i * s.x_stride + m.z_words);
    }
  }
};

const float* seed_noise(const RolloutInputs& in, const Block& block, std::uint32_t row, std::uint32_t t, Scratch& s) {
  const std::uint32_t prior = in.settings.prior_trajectories, experts = in.settings.expert_trajectories;
  const std::uint32_t a = in.model.actions;
  if (in.noise) {
    const bool is_prior = block.source == Source::prior;
    const float* from = is_prior ? in.noise->prior : in.noise->expert;
    const std::uint32_t count = is_prior ? prior : experts, k = row - (is_prior ? 0 : prior);
    std::copy_n(from + (std::size_t{t} * count + k) * a, a, s.noise.data());
  } else {
    // Iteration numbers from the top belong to the seeds, one a time step.
    in.model.kernels.normal({in.seed, in.stream, row, 0xffffffffu - t, s.noise.data(), a});
  }
  return s.noise.data();
}

/// a_t = tanh(mean + exp(log_std) * noise) from the prior at z_t.
void follow_prior(const RolloutInputs& in, const Block& block, std::uint32_t t, Forward& f, PlanState& state) noexcept {
  const PackedModel& m = in.model;
  f.input(m.prior_input, state.bias[m.prior_input.index].data(), 0, m.z_words);
  const auto p = f.rest(m.prior);
  const kernels::VectorKernels& k = kernels::vector_kernels(m.kernels.isa);
  for (std::uint32_t i = 0; i < block.rows; ++i) {
    float *mean = p.x + i * p.stride, *std = mean + m.actions;
    const float* noise = seed_noise(in, block, block.first + i, t, f.s);
    if (m.log_std.squash) k.tanh(std, std, m.actions, 0.0f, 0.0f);
    for (std::uint32_t j = 0; j < m.actions; ++j) std[j] = m.log_std.scale * std[j] + m.log_std.shift;
    k.exp(std, std, m.actions, 0.0f, 0.0f);
    for (std::uint32_t j = 0; j < m.actions; ++j) mean[j] += std[j] * noise[j];
    float* a = state.action(block.first + i, t);
    k.tanh(mean, a, m.actions, 0.0f, 0.0f);
    std::fill(a + m.actions, a + state.stride, 0.0f);  // it fills whole vectors
  }
}

/// a_t = clamp(reference + min_std * noise); the first expert trajectory is the reference itself.
void follow_experts(const RolloutInputs& in, const Block& block, std::uint32_t t, Forward& f,
                    PlanState& state) noexcept {
  for (std::uint32_t i = 0; i < block.rows; ++i) {
    const std::uint32_t row = block.first + i;
    const bool quiet = row == in.settings.prior_trajectories;
    const float* noise = seed_noise(in, block, row, t, f.s);
    const float* reference = f.s.reference.data() + std::size_t{i} * state.stride;
    float* a = state.action(row, t);
    for (std::uint32_t j = 0; j < in.model.actions; ++j) {
      const float x = reference[j] + (quiet ? 0.0f : in.settings.min_std * noise[j]);
      a[j] = std::min(1.0f, std::max(-1.0f, x));
    }
  }
}

/// a_ref,t of every row into s.reference.
void refer(const PackedModel& m, std::uint32_t t, Forward& f, PlanState& state) noexcept {
  float* reference = f.s.reference.data();
  const std::uint32_t stride = state.stride;
  if (t == 0 || m.expert.empty()) {
    for (std::uint32_t i = 0; i < f.rows; ++i) {
      std::copy_n(state.reference.data(), stride, reference + std::size_t{i} * stride);
    }
    return;
  }
  std::fill_n(reference, std::size_t{f.rows} * stride, 0.0f);
  for (std::uint32_t e = 0; e < m.experts; ++e) {
    const float weight = state.mixture[e];
    if (weight == 0.0f) continue;
    const Net& net = m.expert[e];
    f.input(*net.input, state.bias[net.input->index].data(), 0, m.z_words);
    const auto p = f.rest(net);
    RowArgs r = f.finish_args(net.output(), p.x, p.stride);
    r.out = reinterpret_cast<std::uint32_t*>(f.s.head.data());
    r.out_stride = f.s.layer_stride;
    m.kernels.finish[static_cast<int>(Storage::fp32)](r);
    for (std::uint32_t i = 0; i < f.rows; ++i) {
      const float* a = f.s.head.data() + i * f.s.layer_stride;
      float* to = reference + std::size_t{i} * stride;
      for (std::uint32_t j = 0; j < m.actions; ++j) to[j] += weight * std::min(1.0f, std::max(-1.0f, a[j]));
    }
  }
}

/// Q at z_H and the prior's mean action, added to the result.
void add_terminal(const RolloutInputs& in, Forward& f, const PlanState& state) noexcept {
  const PackedModel& m = in.model;
  Scratch& s = f.s;
  f.input(m.prior_input, state.bias[m.prior_input.index].data(), 0, m.z_words);
  const auto p = f.rest(m.prior);
  const auto& tanh = kernels::vector_kernels(m.kernels.isa).tanh;
  for (std::uint32_t i = 0; i < f.rows; ++i) {
    float* mean = p.x + i * p.stride;
    tanh(mean, mean, m.actions, 0.0f, 0.0f);
  }
  f.put_actions(p.x, p.stride);
  f.input(m.value_input, state.bias[m.value_input.index].data(), 0, m.z_words + m.a_words);
  for (std::uint32_t k = 0; k < m.q_count; ++k) f.decode(m.q[k], s.gain[k].data());
  const float* second = s.gain[m.q_count - 1].data();
  for (std::uint32_t i = 0; i < f.rows; ++i) {
    const float a = s.gain[0][i], b = second[i];
    const float q = in.settings.q_reduction == QReduction::min ? (b < a ? b : a) : 0.5f * (a + b);
    s.result[i] += s.discount[i] * q;
  }
}

}  // namespace

std::int64_t Clock::now() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool begin_plan(const PackedModel& m, const PlanRequest& request, Scratch& s, PlanState& state) noexcept {
  // Encoder: one row, fp32.
  float* in = s.head.data();
  std::copy_n(request.phi.data(), m.features, in);
  std::copy_n(request.condition.data(), m.condition, in + m.features);
  for (std::size_t i = 0; i < m.encoder.size(); ++i) {
    const Layer& layer = m.encoder[i];
    GemmArgs g;
    g.weights = &layer.weights;
    g.end = layer.weights.words;
    g.a = reinterpret_cast<const std::uint32_t*>(in);
    g.rows = 1;
    g.bias = layer.bias.data();
    g.c = s.layer.data();
    g.c_stride = layer.weights.columns;
    m.kernels.gemm[0](g);
    Forward f{m, s, 1};
    RowArgs r = f.finish_args(layer.finish, s.layer.data(), 0);
    in = i + 1 == m.encoder.size() ? state.z0.data() : s.head.data();
    r.out = reinterpret_cast<std::uint32_t*>(in);
    m.kernels.finish[0](r);
  }
  for (std::uint32_t i = 0; i < m.latent; ++i) {
    if (!std::isfinite(state.z0[i])) return false;
  }
  m.kernels.convert[static_cast<int>(m.storage)](state.z0.data(), m.latent, kernels::unit_steps(m.storage), 0.0f,
                                                 state.z0_words.data());

  for (const InputLayer* layer : m.inputs) {
    AlignedVector<float>& bias = state.bias[layer->index];
    const std::size_t columns = layer->bias.size();
    std::copy(layer->bias.begin(), layer->bias.end(), bias.begin());
    for (std::size_t c = 0; c * columns < layer->condition.size(); ++c) {
      const float x = request.condition[c];
      const float* w = layer->condition.data() + c * columns;
      for (std::size_t i = 0; i < columns; ++i) bias[i] += x * w[i];
    }
  }
  GemmArgs g;
  g.weights = &m.step_input.weights;
  g.end = m.z_words;
  g.a = state.z0_words.data();
  g.a_scale = s.unit_scale.data();
  g.a_zero = s.unit_zero.data();
  g.rows = 1;
  g.bias = state.bias[m.step_input.index].data();
  g.c = state.first_bias.data();
  g.c_stride = state.first_bias.size();
  m.kernels.gemm[static_cast<int>(m.storage)](g);
  return true;
}

bool rollout(const RolloutInputs& in, const Block& block, Scratch& s, PlanState& state) noexcept {
  const PackedModel& m = in.model;
  const std::uint32_t horizon = in.settings.horizon;
  Forward f{m, s, block.rows};
  std::fill_n(s.result.data(), block.rows, 0.0f);
  std::fill_n(s.discount.data(), block.rows, 1.0f);
  if (block.source == Source::prior) {
    for (std::uint32_t i = 0; i < block.rows; ++i) {
      std::copy_n(state.z0_words.data(), m.z_words, s.x.data() + i * s.x_stride);
    }
  }
  for (std::uint32_t t = 0; t < horizon; ++t) {
    if (in.clock.up()) return false;
    if (block.source == Source::prior) follow_prior(in, block, t, f, state);
    if (block.source == Source::expert || in.settings.guidance != 0.0f) refer(m, t, f, state);
    if (block.source == Source::expert) follow_experts(in, block, t, f, state);

    f.put_actions(state.action(block.first, t), std::size_t{horizon} * state.stride);
    const std::uint32_t from = t == 0 ? m.z_words : 0;  // at t = 0 the share of z is in the bias
    const float* bias = t == 0 ? state.first_bias.data() : state.bias[m.step_input.index].data();
    f.input(m.step_input, bias, from, m.z_words + m.a_words);
    f.decode(m.reward, s.gain[0].data());
    for (std::uint32_t i = 0; i < block.rows; ++i) {
      float gain = s.gain[0][i];
      if (in.settings.guidance != 0.0f) {
        const float* a = state.action(block.first + i, t);
        const float* reference = s.reference.data() + std::size_t{i} * state.stride;
        float distance = 0.0f;
        for (std::uint32_t j = 0; j < m.actions; ++j) distance += (a[j] - reference[j]) * (a[j] - reference[j]);
        gain -= in.settings.guidance * distance;
      }
      s.result[i] += s.discount[i] * gain;
      s.discount[i] *= m.discount;
    }
    f.next();
    if (m.termination) {
      f.input(m.termination_input, state.bias[m.termination_input.index].data(), 0, m.z_words);
      const auto p = f.rest(*m.termination);
      for (std::uint32_t i = 0; i < block.rows; ++i) {
        if (p.x[i * p.stride] > 0.0f) s.discount[i] = 0.0f;
      }
    }
  }
  if (in.clock.up()) return false;
  add_terminal(in, f, state);
  for (std::uint32_t i = 0; i < block.rows; ++i) {
    state.value[block.first + i] = std::isfinite(s.result[i]) ? s.result[i] : -std::numeric_limits<float>::infinity();
  }
  return true;
}

}  // namespace metaworld_rt::planner
