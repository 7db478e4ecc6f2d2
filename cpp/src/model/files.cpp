#include "model/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "metaworld_rt/error.hpp"
#include "model/text.hpp"

namespace metaworld_rt::model {
namespace {

/// Closes the file whatever happens.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

std::uint64_t little_endian(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= static_cast<std::uint64_t>(bytes[at + i]) << (8 * i);
  return value;
}

std::uint32_t crc32(std::span<const std::byte> bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t c = i;
      for (int k = 0; k < 8; ++k) c = (c & 1) != 0 ? 0xedb88320u ^ (c >> 1) : c >> 1;
      t[i] = c;
    }
    return t;
  }();
  std::uint32_t crc = 0xffffffffu;
  for (std::byte b : bytes) crc = table[(crc ^ static_cast<std::uint32_t>(b)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

}  // namespace

std::vector<std::byte> read_file(const std::filesystem::path& path, std::uint64_t limit) {
  const auto fail = [&](const std::string& what) { throw Error(path.string() + ": " + what); };
  // O_NONBLOCK: opening a pipe must not wait for a writer.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) fail(std::string("cannot be opened: ") + std::strerror(errno));
  struct stat info{};
  if (::fstat(file.fd, &info) != 0) fail(std::string("cannot be read: ") + std::strerror(errno));
  if (!S_ISREG(info.st_mode)) fail("is not a file");
  if (static_cast<std::uint64_t>(info.st_size) > limit) fail("is larger than " + std::to_string(limit) + " bytes");
  std::vector<std::byte> bytes(static_cast<std::size_t>(info.st_size));
  for (std::size_t have = 0; have < bytes.size();) {
    const ssize_t got = ::read(file.fd, bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail("cannot be read to its end");
    have += static_cast<std::size_t>(got);
  }
  return bytes;
}

BundleFiles BundleFiles::open(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw Error("there is no such file or folder");
  BundleFiles files;
  if (std::filesystem::is_directory(status)) {
    files.folder_ = std::filesystem::canonical(path, error);
    if (error) throw Error("the folder cannot be opened: " + error.message());
    return files;
  }
  files.kept_.push_back(read_file(path, kMaxFile));
  files.entries_ = read_zip(files.kept_.back());
  return files;
}

BundleFiles BundleFiles::in_memory(std::span<const std::byte> zip) {
  BundleFiles files;
  files.entries_ = read_zip(zip);
  return files;
}

std::span<const std::byte> BundleFiles::read(std::string_view name, std::uint64_t limit) {
  const auto fail = [&](const std::string& what) { throw Error(printable(name) + ": " + what); };
  if (!safe_name(name)) fail("is not a safe file name: letters, digits, . _ - and / only, inside the bundle");
  if (folder_.empty()) {
    const auto entry = entries_.find(name);
    if (entry == entries_.end()) fail("is missing in the zip");
    if (entry->second.size() > limit) fail("is larger than " + std::to_string(limit) + " bytes");
    return entry->second;
  }
  std::error_code error;
  const auto path = std::filesystem::canonical(folder_ / std::filesystem::path(name), error);
  if (error) fail("is missing: " + error.message());
  const auto [inside, rest] = std::mismatch(folder_.begin(), folder_.end(), path.begin(), path.end());
  if (inside != folder_.end()) fail("is a link that leaves the bundle; copy the bundle with cp -rL");
  kept_.push_back(read_file(path, limit));
  return kept_.back();
}

bool safe_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 200) return false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= name.size(); ++i) {
    if (i == name.size() || name[i] == '/') {
      const std::string_view part = name.substr(begin, i - begin);
      if (part.empty() || part == "." || part == "..") return false;
      begin = i + 1;
      continue;
    }
    const char c = name[i];
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!plain) return false;
  }
  return true;
}

std::map<std::string, std::span<const std::byte>, std::less<>> read_zip(std::span<const std::byte> zip) {
  constexpr std::size_t kEnd = 22, kCentral = 46, kLocal = 30, kMaxComment = 65535, kMaxEntries = 1024;
  const auto u16 = [&](std::size_t at) { return little_endian(zip, at, 2); };
  const auto u32 = [&](std::size_t at) { return little_endian(zip, at, 4); };
  const auto text = [&](std::size_t at, std::size_t size) {
    return std::string_view(reinterpret_cast<const char*>(zip.data()) + at, size);
  };

  // The end record stands last, before a comment of at most 64 KiB that fills the rest exactly.
  if (zip.size() < kEnd) throw Error("it is not a zip file");
  std::size_t end = zip.size() - kEnd;
  const std::size_t lowest = end > kMaxComment ? end - kMaxComment : 0;
  while (!(u32(end) == 0x06054b50 && end + kEnd + u16(end + 20) == zip.size())) {
    if (end == lowest) throw Error("it is not a zip file, or it is cut off");
    --end;
  }
  const std::uint64_t entries = u16(end + 10), size = u32(end + 12), start = u32(end + 16);
  if (u16(end + 4) != 0 || u16(end + 6) != 0 || u16(end + 8) != entries)
    throw Error("zips of several disks do not work");
  if (entries > kMaxEntries) throw Error("the zip has more than 1024 entries");
  if (start + size != end) throw Error("the zip's directory is damaged");

  std::map<std::string, std::span<const std::byte>, std::less<>> files;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> extents;
  std::vector<std::pair<std::string_view, std::uint64_t>> checksums;
  std::uint64_t at = start;
  for (std::uint64_t i = 0; i < entries; ++i) {
    if (end - at < kCentral || u32(at) != 0x02014b50) throw Error("the zip's directory is damaged");
    const std::uint64_t flags = u16(at + 8), method = u16(at + 10), crc = u32(at + 16), packed = u32(at + 20),
                        plain = u32(at + 24), name_size = u16(at + 28), skip = u16(at + 30) + u16(at + 32),
                        local = u32(at + 42);
    if (end - at - kCentral < name_size + skip) throw Error("the zip's directory is damaged");
    const std::string_view name = text(at + kCentral, name_size);
    at += kCentral + name_size + skip;
    if (!name.empty() && name.back() == '/') continue;  // a folder

    const auto refuse = [&](const char* what) { throw Error("zip entry " + printable(name) + " " + what); };
    if (!safe_name(name)) refuse("has an unsafe name");
    if ((flags & 1) != 0) refuse("is encrypted");
    if (method != 0 || packed != plain) refuse("is compressed; store it (zip -0)");
    if (local > start || start - local < kLocal || u32(local) != 0x04034b50) refuse("is damaged");
    const std::uint64_t data = local + kLocal + u16(local + 26) + u16(local + 28);
    if (u16(local + 8) != 0 || u16(local + 26) != name_size || data > start || start - data < plain)
      refuse("is damaged");
    if (text(local + kLocal, name_size) != name) refuse("has another name in its header");
    if (!files.emplace(name, zip.subspan(data, plain)).second) refuse("stands twice in the zip");
    checksums.emplace_back(name, crc);
    extents.emplace_back(local, data + plain);
  }
  if (at != end) throw Error("the zip's directory is damaged");
  std::sort(extents.begin(), extents.end());
  for (std::size_t i = 1; i < extents.size(); ++i) {
    if (extents[i].first < extents[i - 1].second) throw Error("the zip's entries overlap");
  }
#if !defined(FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
  for (const auto& [name, crc] : checksums) {  // last: entries that overlap could make this take hours
    if (crc32(files.find(name)->second) != crc) {
      throw Error("zip entry " + printable(name) + " does not have the checksum that the zip names; copy it again");
    }
  }
#endif
  return files;
}

}  // namespace metaworld_rt::model
