#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "metaworld_rt/record.hpp"

namespace metaworld_rt {

struct RecordDrain::Impl {
  Impl(RecordRing& r, RecordSink& s, int period_ms) : ring(r), sink(s), period(period_ms) {}

  RecordRing& ring;
  RecordSink& sink;
  std::chrono::milliseconds period;
  std::mutex mutex;
  std::condition_variable wake;
  bool ending = false;
  std::string error;
  std::atomic<std::uint64_t> written{0};
  std::thread thread;

  void drain() {
    Record record;
    while (ring.pop(record)) {
      sink.write(record);
      written.fetch_add(1, std::memory_order_relaxed);
    }
  }
  void run() {
    try {
      for (bool last = false; !last;) {
        {
          std::unique_lock lock(mutex);
          wake.wait_for(lock, period, [this] { return ending; });
          last = ending;
        }
        drain();
      }
      sink.flush();
    } catch (const std::exception& e) {
      error = e.what();
    }
  }
};

RecordDrain::RecordDrain(RecordRing& ring, RecordSink& sink, int period_ms)
    : impl_(std::make_unique<Impl>(ring, sink, period_ms)) {
  impl_->thread = std::thread([this] { impl_->run(); });
}

RecordDrain::~RecordDrain() { stop(); }

void RecordDrain::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ending = true;
  }
  impl_->wake.notify_one();
  if (impl_->thread.joinable()) impl_->thread.join();
}

const char* RecordDrain::error() const noexcept { return impl_->error.c_str(); }
std::uint64_t RecordDrain::written() const noexcept { return impl_->written.load(std::memory_order_relaxed); }

}  // namespace metaworld_rt
