// An ONNX file as plain structures. Tensors are views into the file's bytes, which must outlive the graph.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace metaworld_rt::model {

/// TensorProto.DataType, those that can be read.
enum class OnnxType : std::int32_t { float32 = 1, int32 = 6, int64 = 7, float64 = 11 };

struct OnnxTensor {
  std::string_view name;
  std::vector<std::int64_t> dims;  ///< every one >= 0
  std::int32_t type = 0;           ///< OnnxType; another value can be carried but not read
  std::size_t count = 0;           ///< product of dims
  std::span<const std::byte> raw;  ///< little-endian elements
  std::vector<std::byte> typed;    ///< the same, where the file uses float_data and its kin; raw points here

  OnnxTensor() = default;
  OnnxTensor(OnnxTensor&&) = default;  // moving keeps `typed` where raw points to; a copy would not
  OnnxTensor& operator=(OnnxTensor&&) = default;
  bool is_float() const noexcept;
  bool is_integer() const noexcept;
  /// Element i; it must be of that family.
  float float_at(std::size_t i) const noexcept;
  std::int64_t integer_at(std::size_t i) const noexcept;
};

struct OnnxAttribute {
  std::string_view name;
  std::optional<float> f;
  std::optional<std::int64_t> i;
  std::optional<std::string_view> s;
  std::optional<OnnxTensor> tensor;
  std::vector<float> floats;
  std::vector<std::int64_t> ints;
};

struct OnnxNode {
  std::string_view name, op, domain;
  std::vector<std::string_view> inputs, outputs;
  std::vector<OnnxAttribute> attributes;

  const OnnxAttribute* find(std::string_view attribute) const noexcept;
};

struct OnnxValueInfo {
  std::string_view name;
  std::int32_t type = 0;
  bool has_shape = false;
  std::vector<std::int64_t> dims;  ///< -1: not fixed
};

struct OnnxGraph {
  std::int64_t opset = 0;  ///< of the default domain
  std::vector<OnnxNode> nodes;
  std::vector<OnnxTensor> initializers;
  std::vector<OnnxValueInfo> inputs, outputs;
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// Bounds-checked. Limits: 4096 nodes, 8192 initializers, 64 inputs and outputs each, rank 8, 256 metadata entries.
/// Throws Error without the file's name in it.
OnnxGraph read_onnx(std::span<const std::byte> bytes);

}  // namespace metaworld_rt::model
