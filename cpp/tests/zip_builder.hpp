// Writes a stored zip in memory, and can write it wrongly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace toy {

class ZipBuilder {
 public:
  struct Entry {
    std::string name, data;
    std::uint16_t method = 0, flags = 0;
    std::uint32_t declared_size = 0xffffffff;  ///< all ones: the true one
    std::uint32_t declared_offset = 0xffffffff;
    bool wrong_crc = false;
  };
  ZipBuilder& add(Entry e) {
    entries_.push_back(std::move(e));
    return *this;
  }
  ZipBuilder& add(const std::string& name, const std::string& data) { return add(Entry{name, data}); }

  std::string build() const {
    std::string out, directory;
    for (const Entry& e : entries_) {
      const auto offset = e.declared_offset == 0xffffffff ? static_cast<std::uint32_t>(out.size()) : e.declared_offset;
      const auto size = e.declared_size == 0xffffffff ? static_cast<std::uint32_t>(e.data.size()) : e.declared_size;
      const std::uint32_t crc = crc32(e.data) ^ (e.wrong_crc ? 1u : 0u);
      std::string head = u16(20) + u16(e.flags) + u16(e.method) + u32(0) + u32(crc) + u32(size) + u32(size) +
                         u16(static_cast<std::uint16_t>(e.name.size())) + u16(0);
      out += u32(0x04034b50) + head + e.name + e.data;
      directory += u32(0x02014b50) + u16(20) + head + u16(0) + u16(0) + u16(0) + u32(0) + u32(offset) + e.name;
    }
    const auto count = static_cast<std::uint16_t>(entries_.size());
    return out + directory + u32(0x06054b50) + u16(0) + u16(0) + u16(count) + u16(count) +
           u32(static_cast<std::uint32_t>(directory.size())) + u32(static_cast<std::uint32_t>(out.size())) + u16(0);
  }

 private:
  static std::string u16(std::uint16_t v) { return {static_cast<char>(v & 255), static_cast<char>(v >> 8)}; }
  static std::string u32(std::uint32_t v) {
    return u16(static_cast<std::uint16_t>(v & 0xffff)) + u16(static_cast<std::uint16_t>(v >> 16));
  }
  static std::uint32_t crc32(const std::string& data) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    return static_cast<std::uint32_t>(data.size());  // no checksum is compared there: this loop was half of the time
#endif
    std::uint32_t crc = 0xffffffffu;
    for (char c : data) {
      crc ^= static_cast<unsigned char>(c);
      for (int k = 0; k < 8; ++k) crc = (crc & 1) != 0 ? 0xedb88320u ^ (crc >> 1) : crc >> 1;
    }
    return ~crc;
  }
  std::vector<Entry> entries_;
};

}  // namespace toy
