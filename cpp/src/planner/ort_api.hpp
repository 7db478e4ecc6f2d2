// The part of ONNX Runtime's C API that is used here, declared by hand, so that building needs no header of it.
//
// Its ABI is one table of function pointers that only ever grows: position i means the same function in every version
// that has it. The positions are those of onnxruntime_c_api.h; ort_library() asks for API version kApiVersion, which
// the library refuses if it is older, and the tests run them against an installed library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace metaworld_rt::planner::ort {

/// 1.12, the first with the generic execution provider call.
inline constexpr std::uint32_t kApiVersion = 12;

struct Status;
struct Env;
struct Session;
struct SessionOptions;
struct Value;
struct MemoryInfo;
struct TypeInfo;
struct ShapeInfo;
struct Allocator;
struct ProviderOptions;

/// Positions in the table.
enum Index : std::size_t {
  kGetErrorMessage = 2,
  kCreateEnv = 3,
  kCreateSessionFromArray = 8,
  kRun = 9,
  kCreateSessionOptions = 10,
  kSetSessionGraphOptimizationLevel = 23,
  kSetIntraOpNumThreads = 24,
  kSetInterOpNumThreads = 25,
  kSessionGetInputCount = 30,
  kSessionGetOutputCount = 31,
  kSessionGetInputTypeInfo = 33,
  kSessionGetOutputTypeInfo = 34,
  kSessionGetInputName = 36,
  kSessionGetOutputName = 37,
  kCreateTensorWithDataAsOrtValue = 49,
  kCastTypeInfoToTensorInfo = 55,
  kGetTensorElementType = 60,
  kGetDimensionsCount = 61,
  kGetDimensions = 62,
  kCreateCpuMemoryInfo = 69,
  kAllocatorFree = 76,
  kGetAllocatorWithDefaultOptions = 78,
  kReleaseEnv = 92,
  kReleaseStatus = 93,
  kReleaseMemoryInfo = 94,
  kReleaseSession = 95,
  kReleaseValue = 96,
  kReleaseTypeInfo = 98,
  kReleaseSessionOptions = 100,
  kAddSessionConfigEntry = 130,
  kAppendTensorRt = 170,
  kCreateTensorRtOptions = 171,
  kUpdateTensorRtOptions = 172,
  kReleaseTensorRtOptions = 174,
  kAppendCuda = 204,
  kCreateCudaOptions = 205,
  kUpdateCudaOptions = 206,
  kReleaseCudaOptions = 208,
  kAppendProvider = 216,
};

inline constexpr int kFloat = 1;         ///< ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT
inline constexpr int kOptimiseAll = 99;  ///< ORT_ENABLE_ALL
inline constexpr int kLogErrors = 3;     ///< ORT_LOGGING_LEVEL_ERROR
inline constexpr int kArenaAllocator = 1, kDefaultMemory = 0;

/// The loaded library, its table, and the one environment of this process.
class Library {
 public:
  /// Throws Error. Kept until the process ends: ONNX Runtime does not like to be unloaded.
  static const Library& get(const std::string& path);

  const char* version() const noexcept { return version_; }
  Env* env() const noexcept { return env_; }

  /// The function at a position, as a pointer of the type it has.
  template <class F>
  F* function(Index i) const noexcept {
    return reinterpret_cast<F*>(table_[i]);
  }
  /// Calls one that returns a status. Throws Error with its message.
  template <class... P, class... A>
  void call(Index i, A... arguments) const {
    check(function<Status*(P...)>(i)(arguments...));
  }
  template <class T>
  void release(Index i, T* object) const noexcept {
    if (object) function<void(T*)>(i)(object);
  }
  void check(Status* status) const;

 private:
  explicit Library(const std::string& path);
  using Function = void (*)();
  const Function* table_ = nullptr;
  const char* version_ = "";
  Env* env_ = nullptr;
};

/// Releases with one function of the table.
template <class T, Index kRelease>
struct Deleter {
  const Library* library = nullptr;
  void operator()(T* object) const noexcept { library->release(kRelease, object); }
};
template <class T, Index kRelease>
using Owned = std::unique_ptr<T, Deleter<T, kRelease>>;

}  // namespace metaworld_rt::planner::ort
