// A world model as plain layers: what lies between a bundle's networks and the packed weights of the batched kernels.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/gemm.hpp"

namespace metaworld_rt {
struct Bundle;
namespace model {
struct Program;
}
}  // namespace metaworld_rt

namespace metaworld_rt::planner {

/// y = softmax_groups(activation(norm(W x + b))); norm and groups are optional.
struct LayerSpec {
  std::uint32_t in = 0, out = 0;
  std::vector<float> weight;           ///< row-major [out][in]
  std::vector<float> bias;             ///< [out]
  std::vector<float> gain, norm_bias;  ///< LayerNorm: [out], or empty
  float epsilon = 1e-5f;
  kernels::RowActivation activation = kernels::RowActivation::none;
  float alpha = 1.0f;
  std::uint32_t group = 0;
};

/// Layers one after another over the concatenation of named inputs.
struct NetSpec {
  std::string name;
  std::vector<LayerSpec> layers;
};

/// The order of the first layer's columns is fixed here, whatever the ONNX graph's was: encoder [phi | c],
/// dynamics, reward and q [z | a | c], prior and termination [z | c], experts [z].
struct ModelSpec {
  std::uint32_t features = 0, latent = 0, actions = 0, condition = 0, bins = 0;
  float vmin = -10.0f, vmax = 10.0f, discount = 0.99f;
  NetSpec encoder, dynamics, reward, prior;
  std::vector<NetSpec> q;  ///< 1 or more; the planner uses the first two
  std::optional<NetSpec> termination;
  std::vector<NetSpec> experts;  ///< latent heads: one for every expert, or none
  /// log_std = squash ? scale * tanh(x) + shift : scale * x + shift, x the second half of the prior's last layer.
  struct LogStd {
    bool squash = false;
    float scale = 1.0f, shift = 0.0f;
  } log_std;
};

/// Throws Error naming the network and what is wrong: sizes that do not fit together, weights that are not finite, an
/// output layer of the wrong kind.
void validate(const ModelSpec& spec);

/// Throws Error if the bundle has no world model, or a network is not a chain of dense layers.
ModelSpec model_spec(const Bundle& bundle);

/// One network of a world model from its graph. `order`: the input names in the order of ModelSpec, with their sizes.
/// `log_std` is filled for a prior (null: a tail after the last layer is refused).
struct InputSize {
  std::string name;
  std::uint32_t size = 0;
};
NetSpec net_spec(const model::Program& program, const std::vector<InputSize>& order, ModelSpec::LogStd* log_std);

}  // namespace metaworld_rt::planner
