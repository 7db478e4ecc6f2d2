#include <dlfcn.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "metaworld_rt/error.hpp"
#include "metaworld_rt/onnxruntime.hpp"
#include "planner/ort_api.hpp"

namespace metaworld_rt::planner::ort {
namespace {

/// What OrtGetApiBase returns.
struct ApiBase {
  const void* (*get_api)(std::uint32_t version) noexcept;
  const char* (*get_version)() noexcept;
};

using GetApiBase = const ApiBase* (*)() noexcept;

GetApiBase find(const std::string& path) {
  constexpr const char* kSymbol = "OrtGetApiBase";
  if (path.empty()) {
    if (void* loaded = dlsym(RTLD_DEFAULT, kSymbol)) return reinterpret_cast<GetApiBase>(loaded);
  }
  std::vector<std::string> candidates;
  const char* chosen = std::getenv("MWRT_ONNXRUNTIME");
  if (!path.empty()) {
    candidates = {path};
  } else if (chosen && *chosen) {
    candidates = {chosen};
  } else {
    candidates = {"libonnxruntime.so.1", "libonnxruntime.so", "libonnxruntime.dylib"};
  }
  std::string why;
  for (const std::string& name : candidates) {
    if (void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      if (void* symbol = dlsym(handle, kSymbol)) return reinterpret_cast<GetApiBase>(symbol);
      why = name + " has no " + kSymbol;
    } else if (why.empty()) {
      why = dlerror();
    }
  }
  throw Error("ONNX Runtime cannot be loaded (" + why + "); install it, or name its library in MWRT_ONNXRUNTIME");
}

}  // namespace

Library::Library(const std::string& path) {
  const ApiBase* base = find(path)();
  version_ = base->get_version();
  table_ = static_cast<const Function*>(base->get_api(kApiVersion));
  if (!table_) throw Error("ONNX Runtime " + std::string(version_) + " is too old; 1.12 or later is needed");
  call<int, const char*, Env**>(kCreateEnv, kLogErrors, "metaworld_rt", &env_);
}

void Library::check(Status* status) const {
  if (!status) return;
  const std::string message = function<const char*(const Status*)>(kGetErrorMessage)(status);
  release(kReleaseStatus, status);
  throw Error("ONNX Runtime: " + message);
}

const Library& Library::get(const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<const Library>> loaded;
  const std::lock_guard lock(mutex);
  std::unique_ptr<const Library>& library = loaded[path];
  if (!library) library.reset(new Library(path));
  return *library;
}

}  // namespace metaworld_rt::planner::ort

namespace metaworld_rt {

std::string onnxruntime_version(const std::string& path, std::string* why) {
  try {
    return planner::ort::Library::get(path).version();
  } catch (const Error& e) {
    if (why) *why = e.what();
    return "";
  }
}

}  // namespace metaworld_rt
