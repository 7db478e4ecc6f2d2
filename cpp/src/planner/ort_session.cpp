#include <array>

#include "metaworld_rt/error.hpp"
#include "metaworld_rt/onnxruntime.hpp"
#include "planner/ort_api.hpp"

namespace metaworld_rt {

using namespace planner::ort;

namespace {

using OwnedOptions = Owned<SessionOptions, kReleaseSessionOptions>;
using OwnedValue = Owned<Value, kReleaseValue>;

/// Keys and values as the two arrays that ONNX Runtime wants.
struct KeyValues {
  explicit KeyValues(const OrtOptions& o) {
    for (const auto& [key, value] : o.provider_options) {
      keys.push_back(key.c_str());
      values.push_back(value.c_str());
    }
  }
  std::vector<const char*> keys, values;
};

/// CUDA and TensorRT have functions of their own: create, fill, append, release.
void append_own(const Library& l, SessionOptions* options, const KeyValues& kv, Index create, Index update,
                Index append, Index release) {
  ProviderOptions* own = nullptr;
  l.call<ProviderOptions**>(create, &own);
  try {
    if (!kv.keys.empty()) {
      l.call<ProviderOptions*, const char* const*, const char* const*, std::size_t>(update, own, kv.keys.data(),
                                                                                    kv.values.data(), kv.keys.size());
    }
    l.call<SessionOptions*, const ProviderOptions*>(append, options, own);
  } catch (const Error&) {
    l.release(release, own);
    throw;
  }
  l.release(release, own);
}

void append_provider(const Library& l, SessionOptions* options, const OrtOptions& o) {
  const KeyValues kv(o);
  if (o.provider == "CPU") return;
  if (o.provider == "CUDA") {
    append_own(l, options, kv, kCreateCudaOptions, kUpdateCudaOptions, kAppendCuda, kReleaseCudaOptions);
  } else if (o.provider == "TensorRT") {
    append_own(l, options, kv, kCreateTensorRtOptions, kUpdateTensorRtOptions, kAppendTensorRt,
               kReleaseTensorRtOptions);
  } else {
    l.call<SessionOptions*, const char*, const char* const*, const char* const*, std::size_t>(
        kAppendProvider, options, o.provider.c_str(), kv.keys.data(), kv.values.data(), kv.keys.size());
  }
}

/// Values that view a caller's buffers.
struct Bound {
  std::vector<OwnedValue> owned;
  std::vector<const Value*> inputs;
  std::vector<Value*> outputs;
};

}  // namespace

struct OrtSession::Impl {
  const Library& l;
  Owned<Session, kReleaseSession> session;
  Owned<MemoryInfo, kReleaseMemoryInfo> memory;
  std::vector<OrtTensor> inputs, outputs;
  std::vector<const char*> input_names, output_names;
  Bound fixed;

  Impl(std::span<const std::byte> model, const OrtOptions& o) : l(Library::get(o.library)) {
    SessionOptions* raw = nullptr;
    l.call<SessionOptions**>(kCreateSessionOptions, &raw);
    const OwnedOptions options(raw, {&l});
    l.call<SessionOptions*, int>(kSetSessionGraphOptimizationLevel, raw, kOptimiseAll);
    l.call<SessionOptions*, int>(kSetIntraOpNumThreads, raw, static_cast<int>(o.threads));
    l.call<SessionOptions*, int>(kSetInterOpNumThreads, raw, 1);
    l.call<SessionOptions*, const char*, const char*>(kAddSessionConfigEntry, raw, "session.intra_op.allow_spinning",
                                                      o.spin ? "1" : "0");
    append_provider(l, raw, o);
    Session* made = nullptr;
    l.call<const Env*, const void*, std::size_t, const SessionOptions*, Session**>(
        kCreateSessionFromArray, l.env(), static_cast<const void*>(model.data()), model.size(), raw, &made);
    session = {made, {&l}};
    MemoryInfo* info = nullptr;
    l.call<int, int, MemoryInfo**>(kCreateCpuMemoryInfo, kArenaAllocator, kDefaultMemory, &info);
    memory = {info, {&l}};
    describe(inputs, kSessionGetInputCount, kSessionGetInputName, kSessionGetInputTypeInfo);
    describe(outputs, kSessionGetOutputCount, kSessionGetOutputName, kSessionGetOutputTypeInfo);
    for (const OrtTensor& t : inputs) input_names.push_back(t.name.c_str());
    for (const OrtTensor& t : outputs) output_names.push_back(t.name.c_str());
  }

  void describe(std::vector<OrtTensor>& tensors, Index count_of, Index name_of, Index type_of) {
    std::size_t count = 0;
    l.call<const Session*, std::size_t*>(count_of, session.get(), &count);
    Allocator* allocator = nullptr;
    l.call<Allocator**>(kGetAllocatorWithDefaultOptions, &allocator);
    for (std::size_t i = 0; i < count; ++i) {
      OrtTensor t;
      char* name = nullptr;
      l.call<const Session*, std::size_t, Allocator*, char**>(name_of, session.get(), i, allocator, &name);
      t.name = name;
      l.call<Allocator*, void*>(kAllocatorFree, allocator, static_cast<void*>(name));
      TypeInfo* type = nullptr;
      l.call<const Session*, std::size_t, TypeInfo**>(type_of, session.get(), i, &type);
      const Owned<TypeInfo, kReleaseTypeInfo> owned(type, {&l});
      const ShapeInfo* info = nullptr;
      l.call<const TypeInfo*, const ShapeInfo**>(kCastTypeInfoToTensorInfo, type, &info);
      int element = 0;
      if (info) l.call<const ShapeInfo*, int*>(kGetTensorElementType, info, &element);
      if (element != kFloat) throw Error("ONNX model: \"" + t.name + "\" is not a float32 tensor");
      std::size_t dimensions = 0;
      l.call<const ShapeInfo*, std::size_t*>(kGetDimensionsCount, info, &dimensions);
      t.shape.resize(dimensions);
      l.call<const ShapeInfo*, std::int64_t*, std::size_t>(kGetDimensions, info, t.shape.data(), dimensions);
      t.size = 1;
      for (std::int64_t& d : t.shape) t.size *= static_cast<std::size_t>(d = d < 1 ? 1 : d);
      tensors.push_back(std::move(t));
    }
  }

  /// A view of `data`; ONNX Runtime does not write to inputs.
  OwnedValue value(const OrtTensor& t, const float* data) {
    Value* v = nullptr;
    l.call<const MemoryInfo*, void*, std::size_t, const std::int64_t*, std::size_t, int, Value**>(
        kCreateTensorWithDataAsOrtValue, memory.get(), const_cast<float*>(data), t.size * sizeof(float), t.shape.data(),
        t.shape.size(), kFloat, &v);
    return OwnedValue(v, {&l});
  }

  Bound bound(std::span<const float* const> in, std::span<float* const> out) {
    if (in.size() != inputs.size() || out.size() != outputs.size()) {
      throw Error("ONNX Runtime: run() needs a pointer for every input and output");
    }
    Bound b;
    for (std::size_t i = 0; i < in.size(); ++i) {
      b.owned.push_back(value(inputs[i], in[i]));
      b.inputs.push_back(b.owned.back().get());
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
      b.owned.push_back(value(outputs[i], out[i]));
      b.outputs.push_back(b.owned.back().get());
    }
    return b;
  }

  void call(Bound& b) {
    l.call<Session*, const void*, const char* const*, const Value* const*, std::size_t, const char* const*, std::size_t,
           Value**>(kRun, session.get(), nullptr, input_names.data(), b.inputs.data(), b.inputs.size(),
                    output_names.data(), b.outputs.size(), b.outputs.data());
  }
};

OrtSession::OrtSession(std::span<const std::byte> model, const OrtOptions& options)
    : impl_(std::make_unique<Impl>(model, options)) {}
OrtSession::~OrtSession() = default;
OrtSession::OrtSession(OrtSession&&) noexcept = default;
OrtSession& OrtSession::operator=(OrtSession&&) noexcept = default;

std::span<const OrtTensor> OrtSession::inputs() const noexcept { return impl_->inputs; }
std::span<const OrtTensor> OrtSession::outputs() const noexcept { return impl_->outputs; }

void OrtSession::run(std::span<const float* const> in, std::span<float* const> out) {
  Bound once = impl_->bound(in, out);
  impl_->call(once);
}

void OrtSession::bind(std::span<const float* const> in, std::span<float* const> out) {
  impl_->fixed = impl_->bound(in, out);
}

void OrtSession::run_bound() {
  if (impl_->fixed.owned.empty()) throw Error("ONNX Runtime: run_bound() needs bind() first");
  impl_->call(impl_->fixed);
}

}  // namespace metaworld_rt
