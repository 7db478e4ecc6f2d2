#include "realtime/load.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

namespace metaworld_rt::realtime {

Load::Load(LoadKind kind, const LoadLimits& limits) {
  const unsigned threads = limits.threads ? limits.threads : std::max(1u, std::thread::hardware_concurrency());
  if (kind == LoadKind::cpu)
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { burn(); });
  if (kind == LoadKind::memory)
    for (unsigned i = 0; i < threads; ++i)
      threads_.emplace_back([this, bytes = limits.memory_bytes / threads] { stream(bytes); });
  if (kind == LoadKind::disk)
    threads_.emplace_back([this, limits] {
      std::error_code ignored;
      write(limits.scratch.empty() ? std::filesystem::temp_directory_path(ignored) : limits.scratch, limits.disk_bytes);
    });
}

Load::~Load() {
  stopping_.store(true, std::memory_order_relaxed);
  for (std::thread& t : threads_) t.join();
}

void Load::burn() {
  double a = 1.0, b = 0.5, c = 0.25, d = 0.125;
  while (!stopping_.load(std::memory_order_relaxed)) {
    for (int i = 0; i < 10'000; ++i) {
      a = a * 0.999999 + 1e-7;
      b = b * 0.999998 + 1e-7;
      c = c * 0.999997 + 1e-7;
      d = d * 0.999996 + 1e-7;
    }
    volatile double sink = a + b + c + d;
    (void)sink;
  }
}

void Load::stream(std::size_t bytes) {
  const std::size_t half = std::max<std::size_t>(bytes / 2, 1u << 20);
  while (!stopping_.load(std::memory_order_relaxed)) {
    void* block = mmap(nullptr, 2 * half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) {
      failed_.store(true);
      return;
    }
    auto* data = static_cast<unsigned char*>(block);
    for (int pass = 0; pass < 4 && !stopping_.load(std::memory_order_relaxed); ++pass) {
      std::memset(data, pass, half);
      std::memcpy(data + half, data, half);
      asm volatile("" ::"r"(data) : "memory");
    }
    munmap(block, 2 * half);
  }
}

void Load::write(const std::filesystem::path& folder, std::size_t bytes) {
  std::string name = (folder / "mwrt-load-XXXXXX").string();
  const int file = mkstemp(name.data());
  if (file < 0) {
    failed_.store(true);
    return;
  }
  unlink(name.c_str());  // gone with the process, whatever ends it
  const std::vector<char> block(4u << 20, 'x');
  std::size_t at = 0;
  while (!stopping_.load(std::memory_order_relaxed)) {
    if (pwrite(file, block.data(), block.size(), static_cast<off_t>(at)) < 0 || fdatasync(file) != 0) {
      failed_.store(true);
      break;
    }
    at += block.size();
    if (at + block.size() > bytes) at = 0;
  }
  close(file);
}

}  // namespace metaworld_rt::realtime
