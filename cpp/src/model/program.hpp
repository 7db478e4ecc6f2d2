// The engine's view of one network: a flat list of operations over float32 vectors, read from ONNX.
// A Program is constant after loading and shared by any number of workspaces (Pinocchio's Model / Data split).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace metaworld_rt::model {

/// clip: min(max(x, alpha), beta), for graphs that clamp their normalised input.
enum class Activation : std::uint8_t { none, relu, elu, tanh, sigmoid, mish, silu, leaky_relu, softplus, exp, clip };

/// One operation on SSA values; batch size 1 is implied, every value is a vector.
struct Op {
  enum class Kind : std::uint8_t {
    dense,       ///< y = act(norm(W x + b)); norm optional; the fused work horse
    layer_norm,  ///< over the whole vector, with gain and bias
    activation,
    group_softmax,  ///< softmax over consecutive groups of `group` (SimNorm; group == size: plain softmax)
    scale_shift,    ///< y = x * gain + bias, elementwise constants
    binary,         ///< elementwise of two values: add, sub, mul, div
    concat,
    slice,  ///< [begin, begin + size)
  };
  enum class Binary : std::uint8_t { add, sub, mul, div };

  Kind kind{};
  std::string name;                   ///< ONNX node name, for messages
  std::vector<std::uint32_t> inputs;  ///< value ids
  std::uint32_t output = 0;

  std::vector<float> weight;     ///< dense: row-major [out][in]
  std::vector<float> bias;       ///< dense: [out] (zeros if the graph has none); scale_shift, layer_norm: bias
  std::vector<float> gain;       ///< layer_norm (also inside dense), scale_shift
  std::vector<float> norm_bias;  ///< LayerNorm bias fused into dense
  bool has_norm = false;
  float epsilon = 1e-5f;  ///< LayerNorm
  Activation activation = Activation::none;
  float alpha = 1.0f;       ///< ELU, LeakyReLU; clip: lower bound
  float beta = 0.0f;        ///< clip: upper bound
  std::uint32_t group = 0;  ///< group_softmax; in dense: 0 = none, else SimNorm after the norm
  std::uint32_t begin = 0;  ///< slice
  Binary binary = Binary::add;
};

struct Value {
  std::string name;
  std::uint32_t size = 0;
};

struct Program {
  std::string name;
  std::vector<Value> values;          ///< every SSA value
  std::vector<std::uint32_t> inputs;  ///< value ids in graph order
  std::vector<std::uint32_t> outputs;
  std::vector<Op> ops;                                        ///< topological order
  std::vector<std::pair<std::string, std::string>> metadata;  ///< ONNX metadata_props
};

}  // namespace metaworld_rt::model
