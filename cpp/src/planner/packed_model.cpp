#include "planner/packed_model.hpp"

#include <algorithm>

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
  }
  return f;
}

/// K filled to whole words with zeros.
Layer dense(const LayerSpec& s, Storage storage, kernels::Isa isa) {
  const std::uint32_t k = kernels::words(storage, s.in) * kernels::per_word(storage);
  std::vector<float> weight(std::size_t{k} * s.out, 0.0f);
  for (std::uint32_t n = 0; n < s.out; ++n) {
    std::copy_n(s.weight.data() + std::size_t{n} * s.in, s.in, weight.data() + std::size_t{n} * k);
  }
  const kernels::WeightBlock block{weight.data(), s.out};
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

  void input_layer(InputLayer& layer, const std::vector<const NetSpec*>& nets, bool with_action, bool with_condition) {
    const std::uint32_t per = kernels::per_word(m.storage), zk = m.z_words * per;
    const std::uint32_t k = zk + (with_action ? m.a_words * per : 0);
    const std::uint32_t a = with_action ? m.actions : 0, c = with_condition ? m.condition : 0;
    // int8 operands are in [0, 1]: the action is stored as (a + 1) / 2, so its weights are doubled and their sum is
    // taken off the bias.
    const float a_gain = m.storage == Storage::int8 ? 2.0f : 1.0f;
    std::vector<std::vector<float>> weights;
    std::vector<kernels::WeightBlock> blocks;
    for (const NetSpec* net : nets) {
      const LayerSpec& s = net->layers.front();
      std::vector<float> w(std::size_t{k} * s.out, 0.0f);
      for (std::uint32_t n = 0; n < s.out; ++n) {
        const float* from = s.weight.data() + std::size_t{n} * s.in;
        float* to = w.data() + std::size_t{n} * k;
        std::copy_n(from, m.latent, to);
        for (std::uint32_t i = 0; i < a; ++i) to[zk + i] = a_gain * from[m.latent + i];
      }
      weights.push_back(std::move(w));
      blocks.push_back({weights.back().data(), s.out});
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
      n.rest.push_back(dense(spec.layers[i], m.storage, isa));
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
  if (storage == Storage::int8 && s.dynamics.layers.back().group == 0) {
    throw Error("world model: int8 needs a dynamics that ends in SimNorm; use fp32 or bf16");
  }
  points.assign(padded(bins), 0.0f);
  const float width = (s.vmax - s.vmin) / static_cast<float>(bins - 1);
  for (std::uint32_t i = 0; i < bins; ++i) points[i] = s.vmin + width * static_cast<float>(i);

  for (const LayerSpec& layer : s.encoder.layers) encoder.push_back(dense(layer, Storage::fp32, isa));
  for (const Layer& layer : encoder) widest_layer = std::max(widest_layer, layer.weights.columns);
  Builder b{*this, isa};
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
