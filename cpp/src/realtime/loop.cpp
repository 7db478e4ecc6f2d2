#include "metaworld_rt/loop.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>

#include "metaworld_rt/mailbox.hpp"
#include "realtime/call_counter.hpp"
#include "realtime/rt_thread.hpp"
#include "realtime/sleep.hpp"

namespace metaworld_rt {
namespace {

struct ObservationSlot {
  std::int64_t t_ns;
  std::array<double, kMaxObservation> values;
};

struct Faults {
  std::uint64_t minor = 0, major = 0;
};
Faults thread_faults() noexcept {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return {static_cast<std::uint64_t>(usage.ru_minflt), static_cast<std::uint64_t>(usage.ru_majflt)};
}

}  // namespace

struct RealtimeLoop::Impl {
  Impl(Controller& c, const LoopOptions& o)
      : controller(c), options(o), observation_size(c.active_bundle().observation_size) {
    const double rate = o.rate_hz > 0.0 ? o.rate_hz : c.active_bundle().tick_hz;
    report.rate_hz = rate;
    period_ns = static_cast<std::int64_t>(1e9 / rate + 0.5);
  }

  Controller& controller;
  LoopOptions options;
  std::size_t observation_size;
  std::int64_t period_ns = 0;

  Mailbox<ObservationSlot> observations;
  std::int64_t newest_observation = INT64_MIN;  // the plant's side
  Mailbox<Command> commands;
  Mailbox<Status> statuses;
  mutable std::mutex status_mutex;  // among readers

  std::atomic<bool> stopping{false}, alive{false};
  std::thread thread;
  mutable std::mutex report_mutex;  // the loop takes it before its first and after its last tick only
  LoopReport report;
  bool started = false;

  realtime::CallCounter counter;
  Command command = [] {
    Command c;
    c.mode = CommandMode::damping;  // until there is a target
    return c;
  }();
  Status status{};

  void run();
  void wait_for_observation(std::int64_t& due);
  void ticks(std::int64_t due, LoopReport& out);
  void end(std::int64_t t);
};

/// Nothing is stepped, and nothing commanded, before the plant has spoken.
void RealtimeLoop::Impl::wait_for_observation(std::int64_t& due) {
  std::uint64_t waited = 0;
  while (!stopping.load(std::memory_order_relaxed) && !observations.fresh()) {
    due += period_ns;
    realtime::sleep_until(due);
    ++waited;
  }
  const std::lock_guard lock(report_mutex);
  report.waited_ticks = waited;
}

void RealtimeLoop::Impl::ticks(std::int64_t due, LoopReport& out) {
  const std::int64_t last =
      options.duration_s > 0.0 ? due + static_cast<std::int64_t>(options.duration_s * 1e9) : INT64_MAX;
  Faults before{};
  TickTiming timing{};
  while (!stopping.load(std::memory_order_relaxed) && due < last) {
    realtime::sleep_until(due);
    const std::int64_t woke = monotonic_ns();
    timing.wakeup_ns = woke - due;
    // Due times stay on their grid. Ticks that passed while the thread slept are missed, not caught up.
    const std::int64_t skipped = timing.wakeup_ns / period_ns;
    due += skipped * period_ns;
    timing.missed += static_cast<std::uint32_t>(skipped);
    out.misses += timing.missed;

    observations.update();
    const ObservationSlot& seen = observations.front();
    counter.arm();
    if (out.ticks > 0) controller.report(timing);
    controller.step(due, seen.t_ns, {seen.values.data(), observation_size}, command, status);
    commands.write(command);
    statuses.write(status);
    counter.disarm();
    const std::int64_t ended = monotonic_ns();

    out.wakeup.record(timing.wakeup_ns);
    out.duration.record(ended - woke);
    timing.duration_ns = ended - woke;
    due += period_ns;
    timing.missed = ended > due ? 1 : 0;
    if (++out.ticks == options.warmup_ticks) before = thread_faults();
  }
  const Faults after = thread_faults();
  if (out.ticks > options.warmup_ticks) {
    out.minor_faults = after.minor - before.minor;
    out.major_faults = after.major - before.major;
  }
}

void RealtimeLoop::Impl::end(std::int64_t t) {
  const Bundle& bundle = controller.active_bundle();
  command.t_ns = t;
  // Without a target there is nothing to hold.
  if (options.end == CommandMode::damping || command.mode == CommandMode::damping) {
    command.mode = CommandMode::damping;
    for (std::size_t i = 0; i < bundle.robot.size(); ++i) {
      command.kp[i] = 0.0;
      command.kd[i] = bundle.limits.stop_damping[i];
    }
  }
  commands.write(command);
}

void RealtimeLoop::Impl::run() {
  realtime::Granted granted = realtime::become_realtime(options.thread);
  LoopReport out;
  {
    const std::lock_guard lock(report_mutex);
    report.fifo = granted.fifo;
    report.locked = granted.locked;
    report.pinned = granted.pinned;
    report.warnings = std::move(granted.warnings);
  }
  std::int64_t due = monotonic_ns() + period_ns;
  wait_for_observation(due);
  {
    const std::lock_guard lock(report_mutex);
    out = report;
  }
  ticks(monotonic_ns() + period_ns, out);
  end(monotonic_ns());
  if (counter.loaded()) {
    const realtime::CallCounts counts = counter.counts();
    out.allocations = counts.allocations;
    out.locks = counts.locks;
    out.syscalls = counts.syscalls;
  }
  {
    const std::lock_guard lock(report_mutex);
    report = std::move(out);
  }
  alive.store(false, std::memory_order_release);
}

RealtimeLoop::RealtimeLoop(Controller& controller, const LoopOptions& options) {
  if (!(options.rate_hz >= 0.0 && options.rate_hz <= 100e3)) throw Error("loop: rate_hz must be 0..100000");
  if (options.thread.priority < 0 || options.thread.priority > 99) throw Error("loop: priority must be 0..99");
  if (!(options.duration_s >= 0.0 && options.duration_s < 1e9)) throw Error("loop: duration_s must be 0 or more");
  impl_ = std::make_unique<Impl>(controller, options);
}

RealtimeLoop::~RealtimeLoop() {
  stop();
  join();
}

void RealtimeLoop::start() {
  if (impl_->started) throw Error("loop: start() was called before; make a new RealtimeLoop");
  impl_->started = true;
  impl_->alive.store(true);
  try {
    impl_->thread = std::thread([this] { impl_->run(); });
  } catch (const std::system_error& e) {
    impl_->alive.store(false);
    throw Error(std::string("loop: the thread could not be made: ") + e.what());
  }
}

void RealtimeLoop::stop() noexcept { impl_->stopping.store(true, std::memory_order_relaxed); }
void RealtimeLoop::join() {
  if (impl_->thread.joinable()) impl_->thread.join();
}
bool RealtimeLoop::running() const noexcept { return impl_->alive.load(std::memory_order_acquire); }

bool RealtimeLoop::observe(std::int64_t t_ns, std::span<const double> observation) noexcept {
  if (observation.size() != impl_->observation_size) return false;
  // One that was overtaken by a newer one on its way here tells nothing.
  if (t_ns < impl_->newest_observation) return true;
  impl_->newest_observation = t_ns;
  ObservationSlot& slot = impl_->observations.back();
  slot.t_ns = t_ns;
  std::copy(observation.begin(), observation.end(), slot.values.begin());
  impl_->observations.publish();
  return true;
}

bool RealtimeLoop::command(Command& command) noexcept { return impl_->commands.read(command); }

Status RealtimeLoop::status() const {
  const std::lock_guard lock(impl_->status_mutex);
  impl_->statuses.update();
  return impl_->statuses.front();
}

LoopReport RealtimeLoop::report() const {
  const std::lock_guard lock(impl_->report_mutex);
  return impl_->report;
}

}  // namespace metaworld_rt
