// Writes the smallest ONNX file there is a use for in tests: y = W x + b, one Gemm node. Protobuf by hand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace toy {

class Proto {
 public:
  Proto& varint(int field, std::uint64_t value) {
    key(field, 0);
    raw(value);
    return *this;
  }
  Proto& bytes(int field, const std::string& value) {
    key(field, 2);
    raw(value.size());
    out_ += value;
    return *this;
  }
  const std::string& str() const { return out_; }

 private:
  void key(int field, int wire) { raw(static_cast<std::uint64_t>(field) << 3 | static_cast<unsigned>(wire)); }
  void raw(std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) out_.push_back(static_cast<char>(v | 0x80));
    out_.push_back(static_cast<char>(v));
  }
  std::string out_;
};

inline std::string tensor(const std::string& name, const std::vector<std::uint64_t>& dims,
                          const std::vector<float>& v) {
  Proto t;
  for (const std::uint64_t d : dims) t.varint(1, d);
  std::string raw(v.size() * sizeof(float), '\0');
  std::memcpy(raw.data(), v.data(), raw.size());
  return t.varint(2, 1).bytes(8, name).bytes(9, raw).str();
}

inline std::string value_info(const std::string& name, std::size_t size) {
  const std::string one = Proto().varint(1, 1).str(), dim = Proto().varint(1, size).str();
  const std::string shape = Proto().bytes(1, one).bytes(1, dim).str();
  const std::string type = Proto().bytes(1, Proto().varint(1, 1).bytes(2, shape).str()).str();
  return Proto().bytes(1, name).bytes(2, type).str();
}

/// weight: row-major [out][in].
inline std::vector<std::byte> linear_onnx(std::size_t in, std::size_t out, const std::vector<float>& weight,
                                          const std::vector<float>& bias, const std::string& input = "phi") {
  const std::string trans = Proto().bytes(1, "transB").varint(3, 1).varint(20, 2).str();
  const std::string node = Proto()
                               .bytes(1, input)
                               .bytes(1, "w")
                               .bytes(1, "b")
                               .bytes(2, "y")
                               .bytes(3, "gemm")
                               .bytes(4, "Gemm")
                               .bytes(5, trans)
                               .str();
  const std::string graph = Proto()
                                .bytes(1, node)
                                .bytes(2, "toy")
                                .bytes(5, tensor("w", {out, in}, weight))
                                .bytes(5, tensor("b", {out}, bias))
                                .bytes(11, value_info(input, in))
                                .bytes(12, value_info("y", out))
                                .str();
  const std::string opset = Proto().bytes(1, "").varint(2, 17).str();
  const std::string model = Proto().varint(1, 8).bytes(7, graph).bytes(8, opset).str();
  std::vector<std::byte> bytes(model.size());
  std::memcpy(bytes.data(), model.data(), model.size());
  return bytes;
}

}  // namespace toy
