// Reads an MCAP file front to back, as far as it goes: a file cut off by a crash gives what was written before.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "record/mcap_format.hpp"

namespace metaworld_rt::record {

struct McapMessage {
  std::string topic;
  std::uint32_t sequence = 0;
  std::uint64_t t_ns = 0;
  std::span<const std::byte> data;  ///< valid until the next one
};

/// The file is untrusted: sizes are checked before use, and no more than one chunk (at most 256 MiB) is held in memory.
/// Throws Error with one line for anything that is not a readable MCAP file.
class McapReader {
 public:
  explicit McapReader(const std::filesystem::path& path);
  /// Metadata records seen so far, by name; the last of a name wins.
  const std::map<std::string, Metadata>& metadata() const noexcept { return metadata_; }
  /// Next message in file order, or false at the end of the data.
  bool next(McapMessage& message);
  /// True if the file ended without its end mark. Known once next() has returned false.
  bool truncated() const noexcept { return truncated_; }

 private:
  struct Close {
    void operator()(std::FILE* f) const noexcept { std::fclose(f); }
  };
  bool read_record();
  bool scan(Opcode op, std::span<const std::byte> content, McapMessage& message);
  void take_chunk();

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t left_ = 0;  // bytes of the file not read yet
  Opcode op_{};
  std::vector<std::byte> content_;    // of the record read last
  std::span<const std::byte> chunk_;  // records of the chunk at hand that were not handed out yet
  std::map<std::uint16_t, std::string> topics_;
  std::map<std::string, Metadata> metadata_;
  bool done_ = false, truncated_ = false;
};

}  // namespace metaworld_rt::record
