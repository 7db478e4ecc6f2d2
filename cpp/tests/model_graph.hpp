// Builds small ONNX graphs for tests, and says in double precision what they should give.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "toy_onnx.hpp"

namespace toy {

inline std::vector<std::byte> bytes_of(const std::string& text) {
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

/// Field `field` as a fixed 32-bit float.
inline std::string float_field(int field, float value) {
  std::string out(1, static_cast<char>(field << 3 | 5));
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
  return out;
}

inline std::string attribute_i(const std::string& name, std::int64_t value) {
  return Proto().bytes(1, name).varint(3, static_cast<std::uint64_t>(value)).varint(20, 2).str();
}
inline std::string attribute_f(const std::string& name, float value) {
  return Proto().bytes(1, name).str() + float_field(2, value) + Proto().varint(20, 1).str();
}
inline std::string tensor_i(const std::string& name, const std::vector<std::int64_t>& values) {
  Proto t;
  t.varint(1, values.size()).varint(2, 7).bytes(8, name);
  std::string raw(values.size() * sizeof(std::int64_t), '\0');
  std::memcpy(raw.data(), values.data(), raw.size());
  return t.bytes(9, raw).str();
}

/// A graph that is put together node by node.
class GraphBuilder {
 public:
  std::uint64_t opset = 18;

  GraphBuilder& input(const std::string& name, std::size_t size) {
    graph_.bytes(11, value_info(name, size));
    return *this;
  }
  GraphBuilder& output(const std::string& name, std::size_t size) {
    graph_.bytes(12, value_info(name, size));
    return *this;
  }
  GraphBuilder& weights(const std::string& name, const std::vector<std::uint64_t>& dims, const std::vector<float>& v) {
    graph_.bytes(5, tensor(name, dims, v));
    return *this;
  }
  GraphBuilder& integers(const std::string& name, const std::vector<std::int64_t>& v) {
    graph_.bytes(5, tensor_i(name, v));
    return *this;
  }
  GraphBuilder& raw(int field, const std::string& message) {
    graph_.bytes(field, message);
    return *this;
  }
  GraphBuilder& node(const std::string& op, const std::vector<std::string>& inputs,
                     const std::vector<std::string>& outputs, const std::vector<std::string>& attributes = {},
                     const std::string& domain = "") {
    Proto n;
    for (const auto& i : inputs) n.bytes(1, i);
    for (const auto& o : outputs) n.bytes(2, o);
    n.bytes(3, "n" + std::to_string(count_++)).bytes(4, op);
    for (const auto& a : attributes) n.bytes(5, a);
    if (!domain.empty()) n.bytes(7, domain);
    graph_.bytes(1, n.str());
    return *this;
  }
  GraphBuilder& metadata(const std::string& key, const std::string& value) {
    metadata_ += Proto().bytes(14, Proto().bytes(1, key).bytes(2, value).str()).str();
    return *this;
  }
  std::vector<std::byte> build() const {
    const std::string opset_import = Proto().bytes(1, "").varint(2, opset).str();
    return bytes_of(Proto().varint(1, 8).bytes(8, opset_import).bytes(7, graph_.str()).str() + metadata_);
  }

 private:
  Proto graph_;
  std::string metadata_;
  int count_ = 0;
};

inline std::vector<float> random_floats(std::mt19937& rng, std::size_t n, float scale = 1.0f) {
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> out(n);
  for (float& x : out) x = normal(rng);
  return out;
}

}  // namespace toy
