// A toy bundle (toy_bundle.hpp) with a random world model, written to ONNX and read again.
#pragma once

#include "model_graph.hpp"
#include "planner_random_model.hpp"
#include "toy_bundle.hpp"

namespace metaworld_rt::planner {

using Inputs = std::vector<std::pair<std::string, std::uint32_t>>;

/// `order`: the graph's inputs; `ours`: the order that the spec's first layer has its columns in.
inline std::vector<std::byte> net_onnx(const NetSpec& net, const Inputs& order, const Inputs& ours,
                                       bool log_std = false) {
  toy::GraphBuilder g;
  std::vector<std::string> names;
  std::vector<std::uint32_t> columns;
  for (const auto& [name, size] : order) {
    g.input(name, size);
    names.push_back(name);
    std::uint32_t first = 0;
    for (const auto& [other, width] : ours) {
      if (other == name) break;
      first += width;
    }
    for (std::uint32_t i = 0; i < size; ++i) columns.push_back(first + i);
  }
  std::string x = names[0];
  if (names.size() > 1) g.node("Concat", names, {x = "x"}, {toy::attribute_i("axis", -1)});
  for (std::size_t l = 0; l < net.layers.size(); ++l) {
    const LayerSpec& s = net.layers[l];
    const std::string k = std::to_string(l);
    std::vector<float> w(std::size_t{s.in} * s.out);  // [in][out]
    for (std::uint32_t i = 0; i < s.in; ++i) {
      for (std::uint32_t n = 0; n < s.out; ++n)
        w[std::size_t{i} * s.out + n] = s.weight[std::size_t{n} * s.in + (l ? i : columns[i])];
    }
    g.weights("w" + k, {s.in, s.out}, w).weights("b" + k, {s.out}, s.bias);
    g.node("Gemm", {x, "w" + k, "b" + k}, {"h" + k});
    x = "h" + k;
    if (!s.gain.empty()) {
      g.weights("g" + k, {s.out}, s.gain).weights("s" + k, {s.out}, s.norm_bias);
      g.node("LayerNormalization", {x, "g" + k, "s" + k}, {"n" + k},
             {toy::attribute_i("axis", -1), toy::attribute_f("epsilon", s.epsilon)});
      x = "n" + k;
    }
    if (s.activation == kernels::RowActivation::mish) g.node("Mish", {x}, {x + "m"}), x += "m";
    if (s.group) {
      g.integers("groups", {1, -1, s.group}).node("Reshape", {x, "groups"}, {"grouped"});
      g.node("Softmax", {"grouped"}, {"soft"}, {toy::attribute_i("axis", -1)});
      g.integers("flat", {1, s.out}).node("Reshape", {"soft", "flat"}, {x = "y"});
    }
  }
  const std::uint32_t out = net.layers.back().out;
  if (log_std) {  // [mean, -4 + 6 tanh(raw)]
    const auto half = static_cast<std::int64_t>(out / 2);
    g.integers("parts", {half, half}).node("Split", {x, "parts"}, {"mean", "raw"}, {toy::attribute_i("axis", -1)});
    g.node("Tanh", {"raw"}, {"squashed"}).weights("scale", {1}, {6.0f}).weights("shift", {1}, {-4.0f});
    g.node("Mul", {"squashed", "scale"}, {"scaled"}).node("Add", {"scaled", "shift"}, {"log_std"});
    g.node("Concat", {"mean", "log_std"}, {x = "both"}, {toy::attribute_i("axis", -1)});
  }
  return g.output(x, out).build();
}

/// toy::bundle() with the world model of `spec`, whose sizes must fit it: 3 actions, 3 experts. The graphs take their
/// inputs in another order than the planner has them in.
inline Bundle planning_bundle(const ModelSpec& s, const PlannerSettings& settings) {
  Bundle b = toy::bundle();
  const Inputs phi{{"phi", s.features}, {"c", s.condition}}, z{{"z", s.latent}, {"c", s.condition}};
  const Inputs za{{"z", s.latent}, {"a", s.actions}, {"c", s.condition}};
  const Inputs mixed{{"c", s.condition}, {"z", s.latent}, {"a", s.actions}};
  WorldModel w;
  w.latent = s.latent, w.simnorm = 8, w.bins = s.bins, w.condition = s.condition;
  w.vmin = s.vmin, w.vmax = s.vmax, w.discount = s.discount;
  w.encoder = Network::from_onnx(net_onnx(s.encoder, {phi[1], phi[0]}, phi), "encoder");
  w.dynamics = Network::from_onnx(net_onnx(s.dynamics, mixed, za), "dynamics");
  w.reward = Network::from_onnx(net_onnx(s.reward, za, za), "reward");
  for (const NetSpec& q : s.q) w.q.push_back(Network::from_onnx(net_onnx(q, mixed, za), "q"));
  w.prior = Network::from_onnx(net_onnx(s.prior, {z[1], z[0]}, z, true), "prior");
  if (s.termination) w.termination = Network::from_onnx(net_onnx(*s.termination, z, z), "termination");
  for (std::size_t i = 0; i < s.experts.size(); ++i) {
    b.experts[i].latent = Network::from_onnx(net_onnx(s.experts[i], {z[0]}, {z[0]}), "latent");
  }
  b.world_model = std::move(w);
  b.planner = settings;
  return b;
}

/// Sizes that fit toy::bundle(): 3 joints, 3 experts, 38 features or so.
inline RandomSizes toy_sizes() {
  return {toy::empty_bundle().feature_size, 16, 24, 16, 3, 3, 3, 21, 2, true, -1.0f, 5.5f};
}

}  // namespace metaworld_rt::planner
