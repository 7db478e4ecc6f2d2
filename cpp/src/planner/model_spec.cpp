#include "planner/model_spec.hpp"

#include <cmath>

#include "metaworld_rt/error.hpp"
#include "metaworld_rt/types.hpp"

namespace metaworld_rt::planner {
namespace {

[[noreturn]] void fail(const NetSpec& net, const std::string& what) {
  throw Error("world model, network " + net.name + ": " + what);
}

bool finite(const std::vector<float>& v) {
  for (const float x : v) {
    if (!std::isfinite(x)) return false;
  }
  return true;
}

void check(const NetSpec& net, std::uint32_t in, std::uint32_t out) {
  if (net.layers.empty()) fail(net, "it has no layers");
  for (const LayerSpec& layer : net.layers) {
    if (layer.in != in)
      fail(net, "a layer reads " + std::to_string(layer.in) + " values, expected " + std::to_string(in));
    if (layer.weight.size() != std::size_t{layer.in} * layer.out || layer.bias.size() != layer.out ||
        (!layer.gain.empty() && layer.gain.size() != layer.out) || layer.gain.size() != layer.norm_bias.size()) {
      fail(net, "the sizes of a layer's weights do not fit");
    }
    if (layer.group && (layer.out % layer.group || layer.activation != kernels::RowActivation::none)) {
      fail(net, "a group softmax must divide its layer and follow no activation");
    }
    if (!finite(layer.weight) || !finite(layer.bias) || !finite(layer.gain) || !finite(layer.norm_bias)) {
      fail(net, "a weight is not finite; export the model again");
    }
    in = layer.out;
  }
  if (in != out) fail(net, "it has " + std::to_string(in) + " outputs, expected " + std::to_string(out));
}

void check_plain_output(const NetSpec& net) {
  const LayerSpec& last = net.layers.back();
  if (!last.gain.empty() || last.group || last.activation != kernels::RowActivation::none) {
    fail(net, "its last layer must be plain (no norm, no activation)");
  }
}

}  // namespace

void validate(const ModelSpec& s) {
  if (!s.latent || !s.actions || s.actions > kMaxJoints || s.condition > kMaxSkills || s.features > kMaxFeatures) {
    throw Error("world model: latent, actions, condition or features out of range");
  }
  if (s.bins < 2 || !(s.vmin < s.vmax) || !(s.discount > 0.0f && s.discount <= 1.0f)) {
    throw Error("world model: it needs 2 bins or more, vmin < vmax and a discount in (0, 1]");
  }
  if (s.q.empty()) throw Error("world model: it needs a q network");
  if (s.experts.size() > kMaxSkills) throw Error("world model: too many latent experts");
  const std::uint32_t za = s.latent + s.actions + s.condition, z = s.latent + s.condition;
  check(s.encoder, s.features + s.condition, s.latent);
  check(s.dynamics, za, s.latent);
  check(s.reward, za, s.bins);
  check_plain_output(s.reward);
  for (const NetSpec& q : s.q) {
    check(q, za, s.bins);
    check_plain_output(q);
  }
  check(s.prior, z, 2 * s.actions);
  check_plain_output(s.prior);
  if (s.termination) {
    check(*s.termination, z, 1);
    check_plain_output(*s.termination);
  }
  for (const NetSpec& e : s.experts) check(e, s.latent, s.actions);
}

}  // namespace metaworld_rt::planner
