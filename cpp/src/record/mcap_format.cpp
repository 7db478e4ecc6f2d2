#include "record/mcap_format.hpp"

namespace metaworld_rt::record {
namespace {

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int k = 0; k < 8; ++k) c = (c & 1u) ? 0xedb88320u ^ (c >> 1) : c >> 1;
    table[i] = c;
  }
  return table;
}();

}  // namespace

std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t crc) noexcept {
  crc = ~crc;
  for (const std::byte b : bytes) crc = kCrcTable[(crc ^ static_cast<std::uint32_t>(b)) & 0xffu] ^ (crc >> 8);
  return ~crc;
}

void ByteWriter::map(const Metadata& map) {
  const std::size_t list = begin_list();
  for (const auto& [key, value] : map) {
    string(key);
    string(value);
  }
  end_list(list);
}

void ByteWriter::end_list(std::size_t begun) {
  const std::uint64_t bytes = out_.size() - begun;
  for (std::size_t i = 0; i < 4; ++i) out_[begun - 4 + i] = static_cast<std::byte>((bytes >> (8 * i)) & 0xffu);
}

void ByteWriter::patch64(std::size_t at, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i) out_[at + i] = static_cast<std::byte>((value >> (8 * i)) & 0xffu);
}

Metadata ByteReader::map() {
  ByteReader entries(raw(number<std::uint32_t>()), what_);
  Metadata out;
  while (entries.left() > 0) {
    std::string key = entries.string();
    out.insert_or_assign(std::move(key), entries.string());
  }
  return out;
}

}  // namespace metaworld_rt::record
