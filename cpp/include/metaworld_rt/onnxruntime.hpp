// ONNX Runtime as the second engine, for threads that may allocate: any graph, any execution provider.
//
// The library is loaded at run time (dlopen), so a host without it still runs natively. Everything here throws Error
// where it says so; nothing here is real-time safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "metaworld_rt/bundle.hpp"
#include "metaworld_rt/planner_slot.hpp"

namespace metaworld_rt {

/// The version of the ONNX Runtime that can be loaded ("1.32.0"), or "" with the reason in `why`. `path`: the library's
/// file; empty: the one the process has already, then $MWRT_ONNXRUNTIME, then libonnxruntime.so as the system finds it.
std::string onnxruntime_version(const std::string& path = "", std::string* why = nullptr);

struct OrtOptions {
  std::string library;           ///< see onnxruntime_version()
  std::uint32_t threads = 1;     ///< of one operator; the calling one included
  bool spin = false;             ///< idle threads of ONNX Runtime may spin
  std::string provider = "CPU";  ///< "CPU", "CUDA", "TensorRT", or a name that the library's generic call knows
  std::vector<std::pair<std::string, std::string>> provider_options;
};

/// A float32 tensor of an ONNX model. A dimension that the model leaves open counts as 1.
struct OrtTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::size_t size = 0;  ///< product of the shape
};

/// One model. run() from one thread at a time.
class OrtSession {
 public:
  /// Throws Error: no library, one too old, an unknown provider, or a model that ONNX Runtime refuses.
  explicit OrtSession(std::span<const std::byte> model, const OrtOptions& options = {});
  ~OrtSession();
  OrtSession(OrtSession&&) noexcept;
  OrtSession& operator=(OrtSession&&) noexcept;

  std::span<const OrtTensor> inputs() const noexcept;
  std::span<const OrtTensor> outputs() const noexcept;

  /// in[i]: inputs()[i].size floats; out[i] likewise. Throws Error with ONNX Runtime's message.
  void run(std::span<const float* const> in, std::span<float* const> out);

  /// Fixes the buffers for run_bound(), which then makes no values of its own: the least that a call can cost.
  /// They must stay where they are until the next bind(). Throws Error.
  void bind(std::span<const float* const> in, std::span<float* const> out);
  /// Throws Error with ONNX Runtime's message, or if bind() was not called.
  void run_bound();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The bundle's plan.onnx as a planner. It makes the noise that MppiPlanner makes, so both give the same plan up to
/// rounding. It cannot stop early: a deadline that passed is reported, not kept.
class OrtPlanner final : public Planner {
 public:
  /// `plan_onnx`: the bytes of the bundle's plan file, checked against its SHA-256 where the bundle names one.
  /// Throws Error as OrtSession does, or if the graph's inputs do not fit the bundle.
  OrtPlanner(std::shared_ptr<const Bundle> bundle, std::span<const std::byte> plan_onnx, const OrtOptions& options = {},
             std::uint64_t seed = 0);
  ~OrtPlanner() override;

  /// plan.finite is false if ONNX Runtime failed; last_error() says why.
  void plan(const PlanRequest& request, std::int64_t deadline_ns, Plan& plan) noexcept override;
  void reset() noexcept override;
  const std::string& last_error() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace metaworld_rt
