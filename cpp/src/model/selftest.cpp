#include "model/selftest.hpp"

#include <cmath>
#include <cstring>

#include "model/text.hpp"

namespace metaworld_rt::model {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kMaxCases = 4096;
constexpr std::uint32_t kMaxName = 200;
constexpr float kTolerance = 1e-4f;

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}

  std::span<const std::byte> take(std::size_t size) {
    if (size > rest_.size()) throw Error("selftest.bin: it is cut off");
    const auto bytes = rest_.first(size);
    rest_ = rest_.subspan(size);
    return bytes;
  }
  std::uint32_t u32() {
    std::uint32_t value = 0;
    const auto bytes = take(4);
    for (std::size_t i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(bytes[i]) << (8 * i);
    return value;
  }
  std::vector<float> floats(std::size_t count) {
    if (count > rest_.size() / sizeof(float)) throw Error("selftest.bin: it is cut off");
    std::vector<float> out(count);
    if (count > 0) std::memcpy(out.data(), take(count * sizeof(float)).data(), count * sizeof(float));
    return out;
  }
  bool done() const { return rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
};

}  // namespace

std::vector<SelfTestCase> read_selftest(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  if (std::memcmp(reader.take(4).data(), "MWST", 4) != 0) throw Error("selftest.bin: it does not begin with MWST");
  if (const auto version = reader.u32(); version != kVersion) {
    throw Error("selftest.bin: version " + std::to_string(version) + ", this build reads version 1");
  }
  const std::uint32_t count = reader.u32();
  if (count > kMaxCases) throw Error("selftest.bin: more than 4096 cases");
  std::vector<SelfTestCase> cases;
  for (std::uint32_t i = 0; i < count; ++i) {
    SelfTestCase c;
    const std::uint32_t name = reader.u32();
    if (name > kMaxName) throw Error("selftest.bin: a name of more than 200 bytes");
    const auto text = reader.take(name);
    c.file.assign(reinterpret_cast<const char*>(text.data()), text.size());
    const std::uint32_t inputs = reader.u32(), outputs = reader.u32();
    c.inputs = reader.floats(inputs);
    c.outputs = reader.floats(outputs);
    cases.push_back(std::move(c));
  }
  if (!reader.done()) throw Error("selftest.bin: there are bytes after the last case");
  return cases;
}

void replay(const SelfTestCase& test, const Network& network) {
  const auto fail = [&](const std::string& what) {
    throw Error("selftest.bin: " + printable(test.file) + ": " + what);
  };
  if (test.inputs.size() != network.input_size() || test.outputs.size() != network.output_size()) {
    fail("its vectors are not of the network's size");
  }
  Workspace workspace;
  workspace.reserve(network);
  std::vector<float> out(network.output_size());
  network.run(test.inputs.data(), out.data(), workspace);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float difference = std::abs(out[i] - test.outputs[i]);
    if (!(difference <= kTolerance * (1.0f + std::abs(test.outputs[i])))) {
      fail("the network gives " + std::to_string(out[i]) + " where " + std::to_string(test.outputs[i]) +
           " was recorded (output " + std::to_string(i) + "); export the bundle again");
    }
  }
}

}  // namespace metaworld_rt::model
