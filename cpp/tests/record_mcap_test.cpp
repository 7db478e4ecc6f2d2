// The MCAP container: what is written is read back, damage is refused, a cut file gives what it holds.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "check.hpp"
#include "record/mcap_reader.hpp"
#include "record/mcap_writer.hpp"
#include "temporary_folder.hpp"

using namespace metaworld_rt::record;

namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::filesystem::path write_sample(const std::filesystem::path& path, int messages, bool close = true) {
  McapWriter out(path);
  out.metadata("about", {{"seed", "7"}, {"note", "a \"quoted\" note"}});
  const auto schema = out.schema("text", "x-text", "words");
  const auto a = out.channel("/a", schema, "x-text"), b = out.channel("/b", schema, "x-text");
  for (int i = 0; i < messages; ++i)
    out.message(i % 3 ? a : b, static_cast<std::uint32_t>(i), static_cast<std::uint64_t>(i) * 1'000'000,
                bytes_of("message " + std::to_string(i)));
  if (close) {
    out.close();
  } else {
    out.flush();
    std::filesystem::copy_file(path, path.string() + ".cut");
  }
  return close ? path : std::filesystem::path(path.string() + ".cut");
}

std::vector<char> slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void spill(const std::filesystem::path& path, const std::vector<char>& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

int count(const std::filesystem::path& path, bool& truncated) {
  McapReader in(path);
  McapMessage m;
  int n = 0;
  while (in.next(m)) {
    const std::string text(reinterpret_cast<const char*>(m.data.data()), m.data.size());
    CHECK_EQ(text, "message " + std::to_string(n));
    CHECK_EQ(m.topic, n % 3 ? "/a" : "/b");
    CHECK_EQ(m.sequence, static_cast<std::uint32_t>(n));
    CHECK_EQ(m.t_ns, static_cast<std::uint64_t>(n) * 1'000'000);
    ++n;
  }
  truncated = in.truncated();
  CHECK_EQ(in.metadata().at("about").at("note"), "a \"quoted\" note");
  return n;
}

}  // namespace

TEST_CASE("mcap: CRC-32 of the standard check string") {
  CHECK_EQ(crc32(bytes_of("123456789")), 0xcbf43926u);
  CHECK_EQ(crc32(bytes_of("6789"), crc32(bytes_of("12345"))), 0xcbf43926u);
}

TEST_CASE("mcap: messages of several chunks come back in order") {
  const TemporaryFolder folder;
  bool truncated = true;
  CHECK_EQ(count(write_sample(folder.path / "a.mcap", 5000), truncated), 5000);
  CHECK(!truncated);
}

TEST_CASE("mcap: a file cut off by a crash gives what was written") {
  const TemporaryFolder folder;
  bool truncated = false;
  CHECK_EQ(count(write_sample(folder.path / "a.mcap", 5000, false), truncated), 5000);
  CHECK(truncated);
  auto bytes = slurp(folder.path / "a.mcap.cut");
  bytes.resize(bytes.size() - 100);  // in the middle of the last chunk's index
  spill(folder.path / "b.mcap", bytes);
  CHECK_EQ(count(folder.path / "b.mcap", truncated), 5000);
  bytes.resize(bytes.size() / 2);
  spill(folder.path / "c.mcap", bytes);
  const int n = count(folder.path / "c.mcap", truncated);
  CHECK(truncated);
  CHECK(n > 1000 && n < 4000);
}

TEST_CASE("mcap: damage is named, never read as data") {
  const TemporaryFolder folder;
  auto bytes = slurp(write_sample(folder.path / "a.mcap", 100));
  auto damaged = bytes;
  damaged[600] = static_cast<char>(damaged[600] ^ 1);
  spill(folder.path / "b.mcap", damaged);
  bool truncated = false;
  CHECK_THROWS(count(folder.path / "b.mcap", truncated), "CRC");
  spill(folder.path / "c.mcap", {'n', 'o'});
  CHECK_THROWS(McapReader(folder.path / "c.mcap"), "is not an MCAP file");
  CHECK_THROWS(McapReader(folder.path / "none.mcap"), "cannot open");
  CHECK_THROWS(McapReader(folder.path), "cannot read");
}

TEST_CASE("mcap: no prefix of a file, and no changed byte of its head, crashes the reader") {
  const TemporaryFolder folder;
  const auto bytes = slurp(write_sample(folder.path / "a.mcap", 40));
  const auto drain = [&](const std::vector<char>& b) {
    spill(folder.path / "x.mcap", b);
    try {
      McapReader in(folder.path / "x.mcap");
      McapMessage m;
      int n = 0;
      while (in.next(m)) ++n;
      return n;
    } catch (const metaworld_rt::Error&) {
      return -1;
    }
  };
  for (std::size_t size = 0; size < bytes.size(); size += 37)
    CHECK(drain({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)}) <= 40);
  for (std::size_t at = 8; at < 400; at += 3) {
    auto changed = bytes;
    changed[at] = static_cast<char>(~changed[at]);
    CHECK(drain(changed) <= 40);
  }
}

TEST_CASE("mcap: a folder that cannot be written is one clear error") {
  CHECK_THROWS(McapWriter("/nonexistent/f.mcap"), "cannot open /nonexistent/f.mcap");
}
