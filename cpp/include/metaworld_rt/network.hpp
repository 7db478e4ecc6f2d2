// One neural network on the native engine: read from ONNX once, then run without malloc, lock or system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace metaworld_rt {

namespace model {
struct Program;
}

/// A named float32 vector that goes into or comes out of a network (the batch dimension is left out).
struct TensorInfo {
  std::string name;
  std::uint32_t size = 0;
};

class Network;

/// Scratch memory for Network::run: one 64-byte aligned block. Any number of networks may share one workspace as long
/// as they run one after another; two threads need two. Not copyable. Growing allocates, so do it at load time.
class Workspace {
 public:
  Workspace() = default;
  explicit Workspace(std::size_t bytes) { reserve(bytes); }
  /// Grows to at least `bytes` (contents are lost). Allocates: load time only. Throws std::bad_alloc.
  void reserve(std::size_t bytes);
  /// Grows to what `network` needs. Load time only.
  void reserve(const Network& network);
  std::size_t size() const noexcept { return size_; }
  std::byte* data() noexcept { return block_.get(); }

 private:
  struct Free {
    void operator()(std::byte* p) const noexcept;
  };
  std::unique_ptr<std::byte[], Free> block_;
  std::size_t size_ = 0;
};

/// Constant after loading; copies share the weights. Every const member is safe from any number of threads.
class Network {
 public:
  /// A network without inputs and outputs.
  Network();
  /// Reads an ONNX model (the bytes of the file). `name` is used in messages only.
  /// Throws Error: the bytes are not valid ONNX, or "node X, op Y is not supported by the native engine; ...".
  /// Load time only. The instruction set is chosen here (see MWRT_ISA in docs/engine.md).
  static Network from_onnx(std::span<const std::byte> bytes, std::string_view name);

  /// Inputs and outputs in graph order.
  std::span<const TensorInfo> inputs() const noexcept;
  std::span<const TensorInfo> outputs() const noexcept;
  /// Sums of the sizes: lengths of the flat vectors of run().
  std::size_t input_size() const noexcept;
  std::size_t output_size() const noexcept;
  /// Bytes that a Workspace needs for run().
  std::size_t workspace_bytes() const noexcept;
  /// ONNX metadata_props in file order.
  std::span<const std::pair<std::string, std::string>> metadata() const noexcept;
  /// Name of the instruction set the weights are packed for: portable, neon, avx2, avx512.
  const char* isa() const noexcept;
  /// The lowered graph, for code that compiles it differently (the batched planner). Include src/model/program.hpp.
  const model::Program& program() const noexcept;

  /// Batch 1. `in`: input_size() floats, all inputs one after another in graph order; `out`: output_size() floats.
  /// `in` and `out` may not overlap. Real-time safe. A workspace that is too small gives NaN in every output.
  void run(const float* in, float* out, Workspace& workspace) const noexcept;
  /// The same with one pointer an input (inputs().size() of them) and one an output.
  void run(std::span<const float* const> in, std::span<float* const> out, Workspace& workspace) const noexcept;

 private:
  struct Impl;
  explicit Network(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace metaworld_rt
