// The ONNX reader, the lowering and, where a network comes out, one run of it: any bytes.
#include <vector>

#include "guard.hpp"
#include "metaworld_rt/error.hpp"
#include "metaworld_rt/network.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using metaworld_rt::Network;
  const fuzz::Guard guard(size);
  try {
    const Network network = Network::from_onnx({reinterpret_cast<const std::byte*>(data), size}, "fuzz");
    metaworld_rt::Workspace workspace;
    workspace.reserve(network);
    const std::vector<float> in(network.input_size(), 0.25f);
    std::vector<float> out(network.output_size());
    network.run(in.data(), out.data(), workspace);
  } catch (const metaworld_rt::Error&) {
  }
  return 0;
}
