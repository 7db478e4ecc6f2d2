// The MCAP container, version 0 (https://mcap.dev/spec): opcodes, and little-endian bytes in and out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "metaworld_rt/error.hpp"

namespace metaworld_rt::record {

inline constexpr std::array<unsigned char, 8> kMcapMagic{0x89, 'M', 'C', 'A', 'P', '0', '\r', '\n'};

enum class Opcode : std::uint8_t {
  header = 1,
  footer,
  schema,
  channel,
  message,
  chunk,
  message_index,
  chunk_index,
  attachment,
  attachment_index,
  statistics,
  metadata,
  metadata_index,
  summary_offset,
  data_end,
};
inline constexpr std::size_t kRecordPrefix = 9;  ///< opcode and u64 length

using Metadata = std::map<std::string, std::string>;

/// CRC-32 (zlib's) of `bytes`, going on from `crc`.
std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t crc = 0) noexcept;

/// Appends values in the file's byte order, whatever the host's.
class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::byte>& out) : out_(out) {}
  template <class T>
  void number(T value) {
    static_assert(std::is_unsigned_v<T>);
    for (std::size_t i = 0; i < sizeof(T); ++i) out_.push_back(static_cast<std::byte>((value >> (8 * i)) & 0xffu));
  }
  void raw(std::span<const std::byte> bytes) {
    const std::size_t at = out_.size();
    out_.resize(at + bytes.size());
    if (!bytes.empty()) std::memcpy(out_.data() + at, bytes.data(), bytes.size());
  }
  void raw(std::string_view text) { raw(std::as_bytes(std::span(text.data(), text.size()))); }
  void string(std::string_view text) {
    number(static_cast<std::uint32_t>(text.size()));
    raw(text);
  }
  void map(const Metadata& map);
  /// Starts a record; end() fills in its length.
  std::size_t begin(Opcode op) {
    number(static_cast<std::uint8_t>(op));
    number(std::uint64_t{0});
    return out_.size();
  }
  void end(std::size_t begun) { patch64(begun - 8, out_.size() - begun); }
  /// Starts a u32-sized list; end_list() fills in its bytes.
  std::size_t begin_list() {
    number(std::uint32_t{0});
    return out_.size();
  }
  void end_list(std::size_t begun);

 private:
  void patch64(std::size_t at, std::uint64_t value);
  std::vector<std::byte>& out_;
};

/// Reads untrusted bytes; every read is checked. Throws Error("... ends in the middle of ...") if they run out.
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, const char* what) : bytes_(bytes), what_(what) {}
  std::size_t left() const noexcept { return bytes_.size() - at_; }
  std::span<const std::byte> raw(std::uint64_t size) {
    if (size > left()) throw Error(std::string("the MCAP file ends in the middle of a ") + what_ + " record");
    const auto part = bytes_.subspan(at_, static_cast<std::size_t>(size));
    at_ += part.size();
    return part;
  }
  template <class T>
  T number() {
    static_assert(std::is_unsigned_v<T>);
    const auto part = raw(sizeof(T));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value |= static_cast<std::uint64_t>(part[i]) << (8 * i);
    return static_cast<T>(value);
  }
  std::string string() {
    const auto part = raw(number<std::uint32_t>());
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }
  Metadata map();

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  const char* what_;
};

}  // namespace metaworld_rt::record
