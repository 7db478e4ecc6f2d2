// Writes one MCAP file: schemas, channels, messages in uncompressed indexed chunks, metadata.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "record/mcap_format.hpp"

namespace metaworld_rt::record {

/// Not thread-safe, not real-time. Every function throws Error, naming the file, if it cannot be written.
/// A chunk is closed (and handed to the system) once it holds 1 MiB or a second: what a crash can lose.
class McapWriter {
 public:
  explicit McapWriter(const std::filesystem::path& path);
  ~McapWriter();  ///< close(), errors ignored
  McapWriter(const McapWriter&) = delete;
  McapWriter& operator=(const McapWriter&) = delete;

  std::uint16_t schema(std::string_view name, std::string_view encoding, std::string_view data);
  std::uint16_t channel(std::string_view topic, std::uint16_t schema, std::string_view encoding,
                        const Metadata& metadata = {});
  void message(std::uint16_t channel, std::uint32_t sequence, std::uint64_t t_ns, std::span<const std::byte> data);
  void metadata(std::string_view name, const Metadata& values);
  /// Ends the chunk at hand and gives it to the system.
  void flush();
  /// Writes the summary and closes the file; the object is of no use afterwards.
  void close();
  std::uint64_t bytes() const noexcept { return offset_ + chunk_.size(); }
  std::uint64_t messages() const noexcept { return messages_; }

 private:
  struct Index {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> entries;  // time, offset in the chunk
    std::uint64_t count = 0;                                       // in the file
  };
  struct Close {
    void operator()(std::FILE* f) const noexcept { std::fclose(f); }
  };
  void put(std::span<const std::byte> bytes);
  void end_chunk();
  [[noreturn]] void fail(const char* what) const;

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t offset_ = 0, messages_ = 0;
  std::uint64_t first_t_ = UINT64_MAX, last_t_ = 0;              // of the file
  std::uint64_t chunk_first_t_ = UINT64_MAX, chunk_last_t_ = 0;  // of the chunk
  std::vector<std::byte> chunk_, schemas_, channels_, chunk_indexes_, metadata_indexes_;
  std::vector<Index> index_;  // by channel id - 1
  std::uint16_t schema_count_ = 0;
  std::uint32_t metadata_count_ = 0, chunk_count_ = 0;
};

}  // namespace metaworld_rt::record
