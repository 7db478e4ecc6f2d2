// The whole loader. The first byte chooses: 0, the rest is a zip; k, the rest takes the place of the k-th file of the
// toy bundle in a zip that is otherwise right, so that the fuzzer reaches what lies behind the zip's structure.
// Built with FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION, the loader does not compare checksums: no mutation passes those.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "guard.hpp"
#include "metaworld_rt/bundle.hpp"
#include "zip_builder.hpp"

namespace {

using File = std::pair<std::string, std::string>;

std::vector<File> toy_files() {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(MWRT_TEST_DATA_DIR) / "toy_bundle";
  std::vector<File> files;
  for (const auto& e : fs::recursive_directory_iterator(folder)) {
    if (!e.is_regular_file()) continue;
    std::ifstream in(e.path(), std::ios::binary);
    files.emplace_back(fs::relative(e.path(), folder).generic_string(),
                       std::string(std::istreambuf_iterator<char>(in), {}));
    if (files.back().first == "wm/plan.onnx") files.back().second.clear();  // large, and never parsed
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<File> files = toy_files();
  if (size == 0) return 0;
  std::string zip(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] != 0) {
    const std::size_t chosen = (data[0] - 1u) % files.size();
    toy::ZipBuilder builder;
    for (std::size_t i = 0; i < files.size(); ++i) builder.add(files[i].first, i == chosen ? zip : files[i].second);
    zip = builder.build();
  }
  const fuzz::Guard guard(zip.size());
  try {
    metaworld_rt::load_bundle_memory({reinterpret_cast<const std::byte*>(zip.data()), zip.size()});
  } catch (const metaworld_rt::Error&) {
  }
  return 0;
}
