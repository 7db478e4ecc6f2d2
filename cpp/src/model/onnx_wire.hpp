// Protocol buffer wire format, bounds-checked: just what reading an ONNX file takes.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "metaworld_rt/error.hpp"

namespace metaworld_rt::model {

/// One field of a message. `bytes` for length-delimited fields, `integer` for varint and fixed ones.
struct WireField {
  enum class Type : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };
  std::uint32_t number = 0;
  Type type{};
  std::uint64_t integer = 0;
  std::span<const std::byte> bytes;

  std::string_view text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  float as_float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(integer)); }
  /// This field as what the schema says it is, or Error.
  const WireField& expect(Type wanted) const {
    if (type != wanted) throw Error("field " + std::to_string(number) + " has a wrong type");
    return *this;
  }
};

/// Walks the fields of one message. Throws Error for anything that does not fit into `bytes`.
class WireReader {
 public:
  explicit WireReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  bool next(WireField& field) {
    if (rest_.empty()) return false;
    const std::uint64_t key = varint();
    if (key >> 3 == 0 || key >> 3 > 0x1fffffff) throw Error("bad field number");
    field.number = static_cast<std::uint32_t>(key >> 3);
    switch (key & 7) {
      case 0:
        field.type = WireField::Type::varint;
        field.integer = varint();
        return true;
      case 1:
        field.type = WireField::Type::fixed64;
        field.integer = little_endian(8);
        return true;
      case 2: {
        field.type = WireField::Type::bytes;
        const std::uint64_t size = varint();
        if (size > rest_.size()) throw Error("the file ends in the middle of a field");
        field.bytes = rest_.first(static_cast<std::size_t>(size));
        rest_ = rest_.subspan(static_cast<std::size_t>(size));
        return true;
      }
      case 5:
        field.type = WireField::Type::fixed32;
        field.integer = little_endian(4);
        return true;
      default:
        throw Error("bad wire type");
    }
  }

  /// For packed repeated fields.
  bool done() const { return rest_.empty(); }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) throw Error("the file ends in the middle of a number");
      const auto byte = static_cast<std::uint64_t>(rest_.front());
      rest_ = rest_.subspan(1);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw Error("a number of more than 64 bits");
  }
  std::uint64_t little_endian(std::size_t size) {
    if (rest_.size() < size) throw Error("the file ends in the middle of a number");
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value |= static_cast<std::uint64_t>(rest_[i]) << (8 * i);
    rest_ = rest_.subspan(size);
    return value;
  }

 private:
  std::span<const std::byte> rest_;
};

}  // namespace metaworld_rt::model
