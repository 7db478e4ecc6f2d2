// World models with random weights, for tests: well scaled, so that values differ between trajectories.
#pragma once

#include <cmath>
#include <random>

#include "planner/model_spec.hpp"

namespace metaworld_rt::planner {

struct RandomSizes {
  std::uint32_t features = 51, latent = 128, mlp = 384, encoder = 256, actions = 19, condition = 0, experts = 0,
                bins = 101;
  std::uint32_t q = 2;
  bool termination = false;
  float vmin = -10.0f, vmax = 10.0f;
};

inline RandomSizes sizes_xs() { return {51, 64, 128, 128, 19, 0, 0, 101, 2, false, -10.0f, 10.0f}; }
inline RandomSizes sizes_1m() { return {}; }
inline RandomSizes sizes_5m() { return {51, 512, 512, 256, 19, 0, 0, 101, 2, false, -10.0f, 10.0f}; }

class RandomModel {
 public:
  explicit RandomModel(unsigned seed) : engine_(seed) {}

  ModelSpec operator()(const RandomSizes& k) {
    ModelSpec s;
    s.features = k.features, s.latent = k.latent, s.actions = k.actions, s.condition = k.condition, s.bins = k.bins;
    s.vmin = k.vmin, s.vmax = k.vmax;
    const std::uint32_t z = k.latent + k.condition, za = z + k.actions;
    s.encoder = net("encoder", k.features + k.condition, {k.encoder}, k.latent, 8);
    s.dynamics = net("dynamics", za, {k.mlp, k.mlp}, k.latent, 8);
    s.reward = net("reward", za, {k.mlp, k.mlp}, k.bins, 0);
    for (std::uint32_t i = 0; i < k.q; ++i) s.q.push_back(net("q", za, {k.mlp, k.mlp}, k.bins, 0));
    s.prior = net("prior", z, {k.mlp, k.mlp}, 2 * k.actions, 0);
    if (k.termination) s.termination = net("termination", z, {k.mlp, k.mlp}, 1, 0);
    for (std::uint32_t i = 0; i < k.experts; ++i) s.experts.push_back(net("expert", k.latent, {k.mlp}, k.actions, 0));
    s.log_std = {true, 6.0f, -4.0f};
    return s;
  }

  float normal() { return draw_(engine_); }

 private:
  NetSpec net(const char* name, std::uint32_t in, std::vector<std::uint32_t> hidden, std::uint32_t out,
              std::uint32_t group) {
    NetSpec n;
    n.name = name;
    for (const std::uint32_t width : hidden) {
      n.layers.push_back(layer(in, width, true));
      n.layers.back().activation = kernels::RowActivation::mish;
      in = width;
    }
    n.layers.push_back(layer(in, out, group != 0));
    n.layers.back().group = group;
    return n;
  }
  LayerSpec layer(std::uint32_t in, std::uint32_t out, bool norm) {
    LayerSpec l;
    l.in = in, l.out = out;
    const float scale = 1.5f / std::sqrt(static_cast<float>(in));
    l.weight.resize(std::size_t{in} * out);
    for (float& w : l.weight) w = scale * normal();
    l.bias.resize(out);
    for (float& b : l.bias) b = 0.1f * normal();
    if (norm) {
      l.gain.resize(out), l.norm_bias.resize(out);
      for (float& g : l.gain) g = 1.0f + 0.1f * normal();
      for (float& b : l.norm_bias) b = 0.1f * normal();
    }
    return l;
  }

  std::mt19937 engine_;
  std::normal_distribution<float> draw_;
};

}  // namespace metaworld_rt::planner
