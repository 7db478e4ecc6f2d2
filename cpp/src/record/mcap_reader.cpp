#include "record/mcap_reader.hpp"

#include <cerrno>
#include <cstring>

namespace metaworld_rt::record {
namespace {

constexpr std::uint64_t kMaxRecord = 256u << 20;

}  // namespace

McapReader::McapReader(const std::filesystem::path& path) : path_(path), file_(std::fopen(path.c_str(), "rb")) {
  if (!file_) throw Error("cannot open " + path.string() + ": " + std::strerror(errno));
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw Error("cannot read " + path.string() + ": it is a folder");
  left_ = std::filesystem::file_size(path, ignored);
  if (ignored) throw Error("cannot read " + path.string() + ": " + ignored.message());
  unsigned char magic[8];
  if (std::fread(magic, 1, sizeof magic, file_.get()) != sizeof magic ||
      std::memcmp(magic, kMcapMagic.data(), sizeof magic) != 0)
    throw Error(path.string() + " is not an MCAP file");
  left_ -= sizeof magic;
}

bool McapReader::read_record() {
  std::byte prefix[kRecordPrefix];
  if (left_ < sizeof prefix || std::fread(prefix, 1, sizeof prefix, file_.get()) != sizeof prefix) return false;
  left_ -= sizeof prefix;
  ByteReader in(prefix, "prefix");
  op_ = static_cast<Opcode>(in.number<std::uint8_t>());
  const auto size = in.number<std::uint64_t>();
  if (size > left_) return false;
  if (size > kMaxRecord) throw Error(path_.string() + " has a record of " + std::to_string(size) + " bytes: too large");
  content_.resize(static_cast<std::size_t>(size));
  if (size > 0 && std::fread(content_.data(), 1, content_.size(), file_.get()) != content_.size()) return false;
  left_ -= size;
  return true;
}

void McapReader::take_chunk() {
  ByteReader in(content_, "chunk");
  in.raw(16);  // first and last time
  const auto size = in.number<std::uint64_t>();
  const auto crc = in.number<std::uint32_t>();
  const std::string compression = in.string();
  if (!compression.empty())
    throw Error(path_.string() + " is compressed (" + compression +
                "); metaworld_rt writes and reads uncompressed files: run `mcap compress --compression none` on it");
  const auto records = in.raw(in.number<std::uint64_t>());
  if (records.size() != size) throw Error(path_.string() + " has a chunk whose sizes disagree");
  if (crc != 0 && crc != crc32(records)) throw Error(path_.string() + " has a damaged chunk (its CRC does not match)");
  chunk_ = records;
}

bool McapReader::scan(Opcode op, std::span<const std::byte> content, McapMessage& message) {
  if (op == Opcode::channel) {
    ByteReader in(content, "channel");
    const auto id = in.number<std::uint16_t>();
    in.raw(2);
    topics_[id] = in.string();
  } else if (op == Opcode::message) {
    ByteReader in(content, "message");
    const auto id = in.number<std::uint16_t>();
    message.sequence = in.number<std::uint32_t>();
    message.t_ns = in.number<std::uint64_t>();
    in.raw(8);
    message.data = in.raw(in.left());
    const auto topic = topics_.find(id);
    if (topic == topics_.end()) throw Error(path_.string() + " has a message of a channel it does not declare");
    message.topic = topic->second;
    return true;
  } else if (op == Opcode::metadata) {
    ByteReader in(content, "metadata");
    std::string name = in.string();
    metadata_.insert_or_assign(std::move(name), in.map());
  }
  return false;
}

bool McapReader::next(McapMessage& message) {
  while (!done_) {
    if (!chunk_.empty()) {
      ByteReader in(chunk_, "chunk");
      const auto op = static_cast<Opcode>(in.number<std::uint8_t>());
      const auto content = in.raw(in.number<std::uint64_t>());
      chunk_ = chunk_.last(in.left());
      if (scan(op, content, message)) return true;
      continue;
    }
    if (!read_record()) {
      truncated_ = done_ = true;
    } else if (op_ == Opcode::data_end) {
      done_ = true;
    } else if (op_ == Opcode::chunk) {
      take_chunk();
    } else if (scan(op_, content_, message)) {
      return true;
    }
  }
  return false;
}

}  // namespace metaworld_rt::record
