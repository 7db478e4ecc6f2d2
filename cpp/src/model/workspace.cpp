#include <cstring>
#include <new>

#include "metaworld_rt/network.hpp"

namespace metaworld_rt {
namespace {
constexpr std::align_val_t kAlignment{64};
}

void Workspace::Free::operator()(std::byte* p) const noexcept { ::operator delete[](p, kAlignment); }

void Workspace::reserve(std::size_t bytes) {
  if (bytes <= size_) return;
  block_.reset(static_cast<std::byte*>(::operator new[](bytes, kAlignment)));
  std::memset(block_.get(), 0, bytes);  // kernels read padding; this also takes the page faults now
  size_ = bytes;
}

void Workspace::reserve(const Network& network) { reserve(network.workspace_bytes()); }

}  // namespace metaworld_rt
