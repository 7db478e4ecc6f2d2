// Where the files of a bundle come from: a folder, or a stored zip in memory. Both are untrusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace metaworld_rt::model {

inline constexpr std::uint64_t kMaxFile = std::uint64_t{256} << 20;

/// A regular file of at most `limit` bytes. Throws Error "PATH: ...".
std::vector<std::byte> read_file(const std::filesystem::path& path, std::uint64_t limit);

/// True for "a/b.onnx": relative, with / only, of [A-Za-z0-9._-] parts, none of them "", "." or "..".
bool safe_name(std::string_view name) noexcept;

/// The files of one bundle, read when they are asked for and kept until this object goes.
class BundleFiles {
 public:
  /// A folder or a zip file.
  static BundleFiles open(const std::filesystem::path& path);
  /// A zip; `zip` must outlive this object.
  static BundleFiles in_memory(std::span<const std::byte> zip);

  /// Throws Error "NAME: ..." if it is missing, not inside the folder, or larger than `limit`.
  std::span<const std::byte> read(std::string_view name, std::uint64_t limit);

 private:
  std::filesystem::path folder_;  ///< canonical; empty for a zip
  std::map<std::string, std::span<const std::byte>, std::less<>> entries_;
  std::vector<std::vector<std::byte>> kept_;
};

/// Names and contents of the files in a zip of stored (uncompressed) entries; views into `zip`.
/// Limits: 1024 entries. Throws Error without the zip's name for anything else than a plain stored zip:
/// compression, encryption, zip64, several disks, overlapping entries, duplicate or unsafe names, a wrong CRC.
std::map<std::string, std::span<const std::byte>, std::less<>> read_zip(std::span<const std::byte> zip);

}  // namespace metaworld_rt::model
