#include "record/mcap_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace metaworld_rt::record {
namespace {

constexpr std::size_t kChunkBytes = 1u << 20;
constexpr std::uint64_t kChunkNs = 1'000'000'000;

}  // namespace

McapWriter::McapWriter(const std::filesystem::path& path) : path_(path), file_(std::fopen(path.c_str(), "wb")) {
  if (!file_) fail("open");
  chunk_.reserve(kChunkBytes + (kChunkBytes >> 3));
  std::vector<std::byte> head;
  ByteWriter out(head);
  out.raw(std::as_bytes(std::span(kMcapMagic)));
  const std::size_t record = out.begin(Opcode::header);
  out.string("");
  out.string("metaworld_rt");
  out.end(record);
  put(head);
}

McapWriter::~McapWriter() {
  try {
    close();
  } catch (const Error&) {  // a destructor has nobody to tell; close() says it
  }
}

void McapWriter::fail(const char* what) const {
  throw Error("cannot " + std::string(what) + " " + path_.string() + ": " + std::strerror(errno) +
              "; the flight record needs a writable folder with room (about 4 MB a second at 1 kHz)");
}

void McapWriter::put(std::span<const std::byte> bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) fail("write");
  offset_ += bytes.size();
}

std::uint16_t McapWriter::schema(std::string_view name, std::string_view encoding, std::string_view data) {
  const std::size_t start = schemas_.size();
  ByteWriter out(schemas_);
  const std::size_t record = out.begin(Opcode::schema);
  out.number(++schema_count_);
  out.string(name);
  out.string(encoding);
  out.string(data);
  out.end(record);
  ByteWriter(chunk_).raw(std::span(schemas_).subspan(start));
  return schema_count_;
}

std::uint16_t McapWriter::channel(std::string_view topic, std::uint16_t schema, std::string_view encoding,
                                  const Metadata& metadata) {
  index_.emplace_back();
  const auto id = static_cast<std::uint16_t>(index_.size());
  const std::size_t start = channels_.size();
  ByteWriter out(channels_);
  const std::size_t record = out.begin(Opcode::channel);
  out.number(id);
  out.number(schema);
  out.string(topic);
  out.string(encoding);
  out.map(metadata);
  out.end(record);
  ByteWriter(chunk_).raw(std::span(channels_).subspan(start));
  return id;
}

void McapWriter::message(std::uint16_t channel, std::uint32_t sequence, std::uint64_t t_ns,
                         std::span<const std::byte> data) {
  Index& index = index_[channel - 1u];
  index.entries.emplace_back(t_ns, chunk_.size());
  ++index.count;
  ++messages_;
  ByteWriter out(chunk_);
  const std::size_t record = out.begin(Opcode::message);
  out.number(channel);
  out.number(sequence);
  out.number(t_ns);  // log time
  out.number(t_ns);  // publish time
  out.raw(data);
  out.end(record);
  chunk_first_t_ = std::min(chunk_first_t_, t_ns);
  chunk_last_t_ = std::max(chunk_last_t_, t_ns);
  if (chunk_.size() >= kChunkBytes || chunk_last_t_ - chunk_first_t_ >= kChunkNs) flush();
}

void McapWriter::end_chunk() {
  if (chunk_.empty()) return;
  const bool timed = chunk_first_t_ <= chunk_last_t_;
  const std::uint64_t from = timed ? chunk_first_t_ : 0, to = timed ? chunk_last_t_ : 0;
  const std::uint64_t chunk_offset = offset_;
  std::vector<std::byte> head;
  ByteWriter out(head);
  out.number(static_cast<std::uint8_t>(Opcode::chunk));
  out.number(static_cast<std::uint64_t>(8 + 8 + 8 + 4 + 4 + 8 + chunk_.size()));
  out.number(from);
  out.number(to);
  out.number(static_cast<std::uint64_t>(chunk_.size()));
  out.number(crc32(chunk_));
  out.string("");  // no compression
  out.number(static_cast<std::uint64_t>(chunk_.size()));
  put(head);
  put(chunk_);
  const std::uint64_t chunk_length = offset_ - chunk_offset, indexes_offset = offset_;

  std::vector<std::byte> offsets;
  for (std::size_t i = 0; i < index_.size(); ++i) {
    if (index_[i].entries.empty()) continue;
    const auto id = static_cast<std::uint16_t>(i + 1);
    ByteWriter list(offsets);
    list.number(id);
    list.number(offset_);
    std::vector<std::byte> bytes;
    ByteWriter record_out(bytes);
    const std::size_t record = record_out.begin(Opcode::message_index);
    record_out.number(id);
    const std::size_t entries = record_out.begin_list();
    for (const auto& [t, at] : index_[i].entries) {
      record_out.number(t);
      record_out.number(at);
    }
    record_out.end_list(entries);
    record_out.end(record);
    put(bytes);
    index_[i].entries.clear();
  }

  ByteWriter summary(chunk_indexes_);
  const std::size_t record = summary.begin(Opcode::chunk_index);
  summary.number(from);
  summary.number(to);
  summary.number(chunk_offset);
  summary.number(chunk_length);
  const std::size_t map = summary.begin_list();
  summary.raw(offsets);
  summary.end_list(map);
  summary.number(offset_ - indexes_offset);
  summary.string("");
  summary.number(static_cast<std::uint64_t>(chunk_.size()));
  summary.number(static_cast<std::uint64_t>(chunk_.size()));
  summary.end(record);
  ++chunk_count_;
  if (timed) {
    first_t_ = std::min(first_t_, from);
    last_t_ = std::max(last_t_, to);
  }
  chunk_.clear();
  chunk_first_t_ = UINT64_MAX;
  chunk_last_t_ = 0;
}

void McapWriter::flush() {
  end_chunk();
  if (std::fflush(file_.get()) != 0) fail("write");
}

void McapWriter::metadata(std::string_view name, const Metadata& values) {
  end_chunk();  // metadata stands between chunks
  std::vector<std::byte> bytes;
  ByteWriter out(bytes);
  const std::size_t record = out.begin(Opcode::metadata);
  out.string(name);
  out.map(values);
  out.end(record);
  ByteWriter index(metadata_indexes_);
  const std::size_t entry = index.begin(Opcode::metadata_index);
  index.number(offset_);
  index.number(static_cast<std::uint64_t>(bytes.size()));
  index.string(name);
  index.end(entry);
  ++metadata_count_;
  put(bytes);
}

void McapWriter::close() {
  if (!file_) return;
  end_chunk();
  std::vector<std::byte> bytes, offsets;
  ByteWriter out(bytes);
  std::size_t record = out.begin(Opcode::data_end);
  out.number(std::uint32_t{0});
  out.end(record);
  put(bytes);
  bytes.clear();

  const std::uint64_t summary_start = offset_;
  std::vector<std::byte> statistics;
  ByteWriter stats(statistics);
  record = stats.begin(Opcode::statistics);
  stats.number(messages_);
  stats.number(schema_count_);
  stats.number(static_cast<std::uint32_t>(index_.size()));
  stats.number(std::uint32_t{0});
  stats.number(metadata_count_);
  stats.number(chunk_count_);
  stats.number(messages_ ? first_t_ : 0);
  stats.number(last_t_);
  const std::size_t counts = stats.begin_list();
  for (std::size_t i = 0; i < index_.size(); ++i) {
    if (index_[i].count == 0) continue;
    stats.number(static_cast<std::uint16_t>(i + 1));
    stats.number(index_[i].count);
  }
  stats.end_list(counts);
  stats.end(record);

  ByteWriter group(offsets);
  const auto add = [&](Opcode op, std::span<const std::byte> part) {
    if (part.empty()) return;
    record = group.begin(Opcode::summary_offset);
    group.number(static_cast<std::uint8_t>(op));
    group.number(summary_start + bytes.size());
    group.number(static_cast<std::uint64_t>(part.size()));
    group.end(record);
    out.raw(part);
  };
  add(Opcode::schema, schemas_);
  add(Opcode::channel, channels_);
  add(Opcode::statistics, statistics);
  add(Opcode::chunk_index, chunk_indexes_);
  add(Opcode::metadata_index, metadata_indexes_);
  const std::uint64_t offsets_start = summary_start + bytes.size();
  out.raw(offsets);

  out.number(static_cast<std::uint8_t>(Opcode::footer));
  out.number(std::uint64_t{8 + 8 + 4});
  out.number(summary_start);
  out.number(offsets_start);
  out.number(crc32(bytes));
  out.raw(std::as_bytes(std::span(kMcapMagic)));
  put(bytes);
  if (std::fclose(file_.release()) != 0) fail("close");
}

}  // namespace metaworld_rt::record
