// Bounded, ordinary-priority load on the machine, for measuring what it does to a real-time thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <thread>
#include <vector>

namespace metaworld_rt::realtime {

enum class LoadKind { none, cpu, memory, disk };

struct LoadLimits {
  unsigned threads = 0;                   ///< 0: one a core
  std::size_t memory_bytes = 256u << 20;  ///< all memory threads together
  std::size_t disk_bytes = 128u << 20;    ///< of one scratch file, written again and again
  std::filesystem::path scratch;          ///< folder for it; empty: the system's temporary folder
};

/// Runs from construction to destruction. cpu: arithmetic in registers; memory: streams through buffers far larger
/// than the caches and maps and unmaps pages; disk: writes and syncs a file, which is removed at the end.
/// A disk that cannot be written is no load: failed() says so.
class Load {
 public:
  Load(LoadKind kind, const LoadLimits& limits);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  bool failed() const noexcept { return failed_.load(); }

 private:
  void burn();
  void stream(std::size_t bytes);
  void write(const std::filesystem::path& folder, std::size_t bytes);
  std::atomic<bool> stopping_{false}, failed_{false};
  std::vector<std::thread> threads_;
};

}  // namespace metaworld_rt::realtime
