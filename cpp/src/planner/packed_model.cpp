#include "planner/packed_model.hpp"

#include <algorithm>
#include <cmath>

#include "metaworld_rt/error.hpp"

namespace metaworld_rt::planner {
namespace {

using kernels::padded;
using kernels::Storage;

AlignedVector<float> padded_copy(const std::vector<float>& v) {
  AlignedVector<float> out(padded(v.size()), 0.0f);
  std::copy(v.begin(), v.end(), out.begin());
  return out;
}

/// int16: of a number behind LayerNorm. Its n inputs have the norm sqrt(n), so none is more; and what is eight standard
/// deviations out is clamped, so that the steps are fine.
float most_of(const LayerSpec& s, std::uint32_t i) {
  return std::min(8.0f, std::sqrt(static_cast<float>(s.out))) * std::abs(s.gain[i]) + std::abs(s.norm_bias[i]);
}

Finish finish_of(const LayerSpec& s) {
  Finish f;
  f.n = s.out;
  f.epsilon = s.epsilon;
  f.activation = s.activation;
  f.alpha = s.alpha;
  f.group = s.group;
  if (!s.gain.empty()) {
    f.gain = padded_copy(s.gain);
    f.bias = padded_copy(s.norm_bias);
    float most = 1e-30f;
    for (std::uint32_t i = 0; i < s.out; ++i) most = std::max(most, most_of(s, i));
    f.step = most / 32767.0f;
  }
  return f;
}

/// kernels::WeightBlock::reach of a layer behind another one: sum |w f(gain u + bias)| with |f(x)| <= |x|,
/// ‖u‖ <= sqrt(n), and Cauchy-Schwarz.
std::vector<float> reach_behind(const LayerSpec& s, const LayerSpec& before) {
  const float norm = std::sqrt(static_cast<float>(before.out)), step = finish_of(before).step;
  std::vector<float> reach(s.out);
  for (std::uint32_t n = 0; n < s.out; ++n) {
    const float* w = s.weight.data() + std::size_t{n} * s.in;
    float square = 0.0f, sum = 0.0f;
    for (std::uint32_t i = 0; i < s.in; ++i) {
      square += w[i] * before.gain[i] * w[i] * before.gain[i];
      sum += std::abs(w[i] * before.norm_bias[i]);
    }
    reach[n] = (norm * std::sqrt(square) + sum) / step;
  }
  return reach;
}

/// The same of an input layer: z is made of groups of numbers >= 0 with the sum 1, and actions are in [-1, 1].
float reach_of_input(const float* w, std::uint32_t latent, std::uint32_t group, std::uint32_t actions) {
  float sum = 0.0f;
  for (std::uint32_t g = 0; g < latent; g += group) {
    float most = 0.0f;
    for (std::uint32_t i = g; i < std::min(latent, g + group); ++i) most = std::max(most, std::abs(w[i]));
    sum += most;
  }
  for (std::uint32_t i = 0; i < actions; ++i) sum += std::abs(w[latent + i]);
  return sum * kernels::unit_steps(Storage::int16);
}

/// int16 counts on bounds: a norm behind every layer but the last, then something that makes no number larger.
void check_bounds(const NetSpec& net) {
  using kernels::RowActivation;
  for (std::size_t i = 0; i + 1 < net.layers.size(); ++i) {
    const LayerSpec& l = net.layers[i];
    const bool leaky = l.activation == RowActivation::elu || l.activation == RowActivation::leaky_relu;
    if (l.gain.empty() || l.group || l.activation == RowActivation::sigmoid || (leaky && std::abs(l.alpha) > 1.0f)) {
      throw Error("world model, network " + net.name +
                  ": int16 needs LayerNorm and an activation that makes no number larger; use fp32 or bf16");
    }
  }
}

/// K filled to whole words with zeros.
Layer dense(const LayerSpec& s, Storage storage, kernels::Isa isa, const LayerSpec* before) {
  const std::uint32_t k = kernels::words(storage, s.in) * kernels::per_word(storage);
  std::vector<float> weight(std::size_t{k} * s.out, 0.0f);
  for (std::uint32_t n = 0; n < s.out; ++n) {
    std::copy_n(s.weight.data() + std::size_t{n} * s.in, s.in, weight.data() + std::size_t{n} * k);
  }
  std::vector<float> reach;
  if (storage == Storage::int16) reach = reach_behind(s, *before);
  const kernels::WeightBlock block{weight.data(), s.out, reach.empty() ? nullptr : reach.data()};
  Layer layer;
  layer.weights = kernels::pack(storage, isa, k, {&block, 1});
  layer.bias = padded_copy(s.bias);
  layer.finish = finish_of(s);
  return layer;
}

double flop(const LayerSpec& s, std::uint32_t in) { return 2.0 * in * s.out; }
double rest_flop(const NetSpec& net) {
  double sum = 0;
  for (std::size_t i = 1; i < net.layers.size(); ++i) sum += flop(net.layers[i], net.layers[i].in);
  return sum;
}

}  // namespace

/// Sizes shared by the functions that build the parts.
struct Builder {
  PackedModel& m;
  kernels::Isa isa;
  std::uint32_t group;  ///< of SimNorm

  void input_layer(InputLayer& layer, const std::vector<const NetSpec*>& nets, bool with_action, bool with_condition) {
    const std::uint32_t per = kernels::per_word(m.storage), zk = m.z_words * per;
    const std::uint32_t k = zk + (with_action ? m.a_words * per : 0);
    const std::uint32_t a = with_action ? m.actions : 0, c = with_condition ? m.condition : 0;
    // int8 operands are in [0, 1]: the action is stored as (a + 1) / 2, so its weights are doubled and their sum is
    // taken off the bias.
    const float a_gain = m.storage == Storage::int8 ? 2.0f : 1.0f;
    std::vector<std::vector<float>> weights, reaches;
    std::vector<kernels::WeightBlock> blocks;
    for (const NetSpec* net : nets) {
      const LayerSpec& s = net->layers.front();
      std::vector<float> w(std::size_t{k} * s.out, 0.0f), reach(s.out);
      for (std::uint32_t n = 0; n < s.out; ++n) {
        const float* from = s.weight.data() + std::size_t{n} * s.in;
        float* to = w.data() + std::size_t{n} * k;
        std::copy_n(from, m.latent, to);
        for (std::uint32_t i = 0; i < a; ++i) to[zk + i] = a_gain * from[m.latent + i];
        if (m.storage == Storage::int16) reach[n] = reach_of_input(from, m.latent, group, a);
      }
      weights.push_back(std::move(w));
      reaches.push_back(std::move(reach));
      blocks.push_back({weights.back().data(), s.out, reaches.back().data()});
    }
    layer.weights = kernels::pack(m.storage, isa, k, blocks);
    const std::uint32_t columns = layer.weights.columns;
    layer.bias.assign(columns, 0.0f);
    layer.condition.assign(std::size_t{c} * columns, 0.0f);
    std::uint32_t first = 0;
    for (const NetSpec* net : nets) {
      const LayerSpec& s = net->layers.front();
      for (std::uint32_t n = 0; n < s.out; ++n) {
        float bias = s.bias[n];
        if (m.storage == Storage::int8) {
          for (std::uint32_t i = 0; i < a; ++i) bias -= 0.5f * layer.weights.at(zk + i, first + n);
        }
        layer.bias[first + n] = bias;
        for (std::uint32_t i = 0; i < c; ++i) {
          layer.condition[std::size_t{i} * columns + first + n] = s.weight[std::size_t{n} * s.in + m.latent + a + i];
        }
      }
      layer.first.push_back(first);
      layer.parts.push_back(finish_of(s));
      first += static_cast<std::uint32_t>(padded(s.out));
    }
    layer.index = static_cast<std::uint32_t>(m.inputs.size());
    m.inputs.push_back(&layer);
    m.widest_input = std::max(m.widest_input, columns);
    for (const Finish& part : layer.parts) widen(part.n);
  }
  void widen(std::uint32_t n) { m.widest_layer = std::max(m.widest_layer, static_cast<std::uint32_t>(padded(n))); }

  Net net(const NetSpec& spec, const InputLayer& input, std::uint32_t part) {
    Net n;
    n.input = &input;
    n.part = part;
    for (std::size_t i = 1; i < spec.layers.size(); ++i) {
      n.rest.push_back(dense(spec.layers[i], m.storage, isa, &spec.layers[i - 1]));
      widen(spec.layers[i].out);
    }
    return n;
  }
};

PackedModel::PackedModel(const ModelSpec& s, Storage number, kernels::Isa isa)
    : storage(number),
      kernels(kernels::batch_kernels(isa)),
      features(s.features),
      latent(s.latent),
      actions(s.actions),
      condition(s.condition),
      bins(s.bins),
      experts(static_cast<std::uint32_t>(s.experts.size())),
      discount(s.discount),
      log_std(s.log_std),
      z_words(kernels::words(number, s.latent)),
      a_words(kernels::words(number, s.actions)),
      q_count(std::min<std::uint32_t>(2, static_cast<std::uint32_t>(s.q.size()))) {
  validate(s);
  const std::uint32_t group = s.dynamics.layers.back().group;
  if (kernels::is_integer(storage) && (group == 0 || s.encoder.layers.back().group != group)) {
    throw Error("world model: int8 and int16 need an encoder and a dynamics that end in SimNorm; use fp32 or bf16");
  }
  if (storage == Storage::int16) {
    for (const NetSpec* net : {&s.dynamics, &s.reward, &s.prior}) check_bounds(*net);
    for (const NetSpec& q : s.q) check_bounds(q);
    if (s.termination) check_bounds(*s.termination);
    for (const NetSpec& e : s.experts) check_bounds(e);
  }
  points.assign(padded(bins), 0.0f);
  const float width = (s.vmax - s.vmin) / static_cast<float>(bins - 1);
  for (std::uint32_t i = 0; i < bins; ++i) points[i] = s.vmin + width * static_cast<float>(i);

  for (const LayerSpec& layer : s.encoder.layers) encoder.push_back(dense(layer, Storage::fp32, isa, nullptr));
  for (const Layer& layer : encoder) widest_layer = std::max(widest_layer, layer.weights.columns);
  Builder b{*this, isa, group};
  b.input_layer(step_input, {&s.dynamics, &s.reward}, true, true);
  dynamics = b.net(s.dynamics, step_input, 0);
  reward = b.net(s.reward, step_input, 1);
  std::vector<const NetSpec*> heads{&s.q[0]};
  if (q_count > 1) heads.push_back(&s.q[1]);
  b.input_layer(value_input, heads, true, true);
  for (std::uint32_t i = 0; i < q_count; ++i) q[i] = b.net(s.q[i], value_input, i);
  b.input_layer(prior_input, {&s.prior}, false, true);
  prior = b.net(s.prior, prior_input, 0);
  if (s.termination) {
    b.input_layer(termination_input, {&*s.termination}, false, true);
    termination = b.net(*s.termination, termination_input, 0);
  }
  expert_inputs.resize(experts);  // its elements do not move from here on
  for (std::uint32_t i = 0; i < experts; ++i) {
    b.input_layer(expert_inputs[i], {&s.experts[i]}, false, false);
    expert.push_back(b.net(s.experts[i], expert_inputs[i], 0));
  }

  const double wide = s.dynamics.layers[0].out + s.reward.layers[0].out;
  const double hidden = rest_flop(s.dynamics) + rest_flop(s.reward);
  const double end = s.termination ? 2.0 * latent * s.termination->layers[0].out + rest_flop(*s.termination) : 0.0;
  step_flop = 2.0 * (latent + actions) * wide + hidden + end;
  first_step_flop = 2.0 * actions * wide + hidden + end;
  prior_flop = 2.0 * latent * s.prior.layers[0].out + rest_flop(s.prior);
  terminal_flop = prior_flop;
  for (std::uint32_t i = 0; i < q_count; ++i) {
    terminal_flop += 2.0 * (latent + actions) * s.q[i].layers[0].out + rest_flop(s.q[i]);
  }
  for (const NetSpec& e : s.experts) expert_flop += 2.0 * latent * e.layers[0].out + rest_flop(e);
}

}  // namespace metaworld_rt::planner
