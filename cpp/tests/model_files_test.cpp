#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "check.hpp"
#include "metaworld_rt/error.hpp"
#include "model/files.hpp"
#include "temporary_folder.hpp"
#include "zip_builder.hpp"

namespace fs = std::filesystem;
using metaworld_rt::model::BundleFiles;
using metaworld_rt::model::read_file;
using metaworld_rt::model::read_zip;
using metaworld_rt::model::safe_name;
using toy::ZipBuilder;

namespace {

std::span<const std::byte> view(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
std::string text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
void write(const fs::path& path, const std::string& data) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << data;
}
void refused(const ZipBuilder& builder, const std::string& message) {
  const std::string zip = builder.build();
  CHECK_THROWS(read_zip(view(zip)), message);
}

}  // namespace

TEST_CASE("file names that could leave the bundle are not safe") {
  for (const char* good : {"a", "a.onnx", "experts/walk.onnx", "a/b/c-d_e.F9", "..a", "a..b", "..."})
    CHECK(safe_name(good));
  for (const char* bad : {"", "/", "/etc/passwd", "..", "a/..", "../a", "a/../b", ".", "./a", "a//b", "a/", "a\\b",
                          "C:a", "a b", "a\nb", "\xc3\xa9", "~a", "a*"}) {
    CHECK(!safe_name(bad));
  }
  CHECK(!safe_name(std::string_view("a\0b", 3)));
  CHECK(!safe_name(std::string(201, 'a')));
}

TEST_CASE("zip: stored entries are read, folders passed over") {
  const std::string zip = ZipBuilder().add("d/", "").add("a.txt", "hello").add("d/b", "").add("c", "x").build();
  const auto files = read_zip(view(zip));
  CHECK_EQ(files.size(), 3u);
  CHECK_EQ(text(files.at("a.txt")), "hello");
  CHECK_EQ(text(files.at("d/b")), "");
  const std::string empty = ZipBuilder().build();
  CHECK_EQ(read_zip(view(empty)).size(), 0u);
}

TEST_CASE("zip: everything that is not a plain stored zip is refused") {
  refused(ZipBuilder().add("../evil", "x"), "unsafe name");
  refused(ZipBuilder().add("/etc/passwd", "x"), "unsafe name");
  refused(ZipBuilder().add("a\\..\\b", "x"), "unsafe name");
  refused(ZipBuilder().add("a", "x").add("a", "y"), "a stands twice");
  refused(ZipBuilder().add({.name = "a", .data = "x", .method = 8}), "is compressed; store it");
  refused(ZipBuilder().add({.name = "a", .data = "x", .flags = 1}), "is encrypted");
  refused(ZipBuilder().add({.name = "a", .data = "x", .wrong_crc = true}), "checksum");
  refused(ZipBuilder().add({.name = "a", .data = "x", .declared_size = 1000}), "is damaged");
  refused(ZipBuilder().add({.name = "a", .data = "x", .declared_offset = 1}), "is damaged");
  refused(ZipBuilder().add({.name = "a", .data = "x", .declared_offset = 0xfffffff0}), "is damaged");
  // Two names for one piece of the file: how a small zip claims to hold a lot.
  refused(ZipBuilder().add("aa", std::string(100, 'x')).add({.name = "aa", .data = "", .declared_offset = 0}), "twice");
  std::string inner = ZipBuilder().add("b", "payload").build();
  refused(ZipBuilder().add("a", inner).add({.name = "b", .data = "payload", .declared_offset = 31}), "overlap");
  ZipBuilder many;
  for (int i = 0; i < 1025; ++i) many.add(std::to_string(i), "");
  refused(many, "more than 1024 entries");
}

TEST_CASE("zip: cut anywhere, it is refused") {
  const std::string zip = ZipBuilder().add("a.txt", "hello").add("b", std::string(300, 'x')).build();
  for (std::size_t size = 0; size < zip.size(); ++size) {
    CHECK_THROWS(read_zip(view(zip).first(size)), "zip");
  }
}

TEST_CASE("folder: files are read, links out of it and things that are not files are refused") {
  const TemporaryFolder temporary;
  const fs::path folder = temporary.path / "bundle";
  write(folder / "a/b.txt", "hello");
  write(temporary.path / "secret", "secret");
  fs::create_symlink(temporary.path / "secret", folder / "out");
  fs::create_symlink(folder / "a/b.txt", folder / "in");
  fs::create_directory_symlink(temporary.path, folder / "up");
  CHECK_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  BundleFiles files = BundleFiles::open(folder);
  CHECK_EQ(text(files.read("a/b.txt", 100)), "hello");
  CHECK_EQ(text(files.read("in", 100)), "hello");
  CHECK_THROWS(files.read("out", 100), "leaves the bundle");
  CHECK_THROWS(files.read("up/secret", 100), "leaves the bundle");
  CHECK_THROWS(files.read("../secret", 100), "not a safe file name");
  CHECK_THROWS(files.read("a", 100), "is not a file");
  CHECK_THROWS(files.read("pipe", 100), "is not a file");  // and opening it did not wait
  CHECK_THROWS(files.read("none", 100), "none: is missing");
  CHECK_THROWS(files.read("a/b.txt", 4), "larger than 4 bytes");
  CHECK_THROWS(BundleFiles::open(temporary.path / "nowhere"), "no such file");
  CHECK_THROWS(read_file(temporary.path, 100), "is not a file");
  CHECK_THROWS(read_file("/dev/zero", 100), "is not a file");
}
