#include "metaworld_rt/planner_thread.hpp"

#include <atomic>
#include <mutex>
#include <thread>
#include <utility>

#include "control/denormals.hpp"
#include "metaworld_rt/error.hpp"
#include "realtime/rt_thread.hpp"
#include "realtime/sleep.hpp"

namespace metaworld_rt {

struct PlannerThread::Impl {
  Impl(Controller& c, const PlannerThreadOptions& o) : controller(c), options(o) {}

  Controller& controller;
  PlannerThreadOptions options;
  std::atomic<bool> stopping{false};
  std::thread thread;
  mutable std::mutex mutex;
  // Two are kept: while a swap waits for its tick, requests of the bundle before still come.
  std::pair<std::uint32_t, std::shared_ptr<Planner>> current, next;
  PlannerReport report;
  PlanRequest request{};
  Plan plan{};

  std::shared_ptr<Planner> planner_for(std::uint32_t generation) {
    const std::lock_guard lock(mutex);
    if (next.second && next.first == generation) current = std::move(next);
    return current.first == generation ? current.second : nullptr;
  }
  void answer() {
    const std::int64_t begun = monotonic_ns();
    const std::shared_ptr<Planner> planner = planner_for(request.generation);
    if (!planner) return;
    planner->plan(request, options.budget_ns > 0 ? begun + options.budget_ns : 0, plan);
    controller.post_plan(plan);
    const std::lock_guard lock(mutex);
    ++report.plans;
    report.iterations += plan.iterations;
    report.deadline_hits += plan.deadline_hit;
    report.not_finite += !plan.finite;
    report.duration.record(monotonic_ns() - begun);
  }
  void run() {
    const control::FlushDenormals flush;
    realtime::Granted granted = realtime::become_realtime(options.thread);
    {
      const std::lock_guard lock(mutex);
      report.warnings = std::move(granted.warnings);
    }
    while (!stopping.load(std::memory_order_relaxed)) {
      if (controller.take_request(request))
        answer();
      else
        realtime::sleep_until(monotonic_ns() + options.poll_ns);
    }
  }
};

PlannerThread::PlannerThread(Controller& controller, std::shared_ptr<Planner> planner,
                             const PlannerThreadOptions& options) {
  if (!planner) throw Error("planner thread: it needs a planner");
  if (options.poll_ns < 1000) throw Error("planner thread: poll_ns must be at least 1000");
  impl_ = std::make_unique<Impl>(controller, options);
  impl_->current = {0, std::move(planner)};
  controller.expect_plans(true);
}

PlannerThread::~PlannerThread() { stop(); }

void PlannerThread::start() {
  if (impl_->thread.joinable()) throw Error("planner thread: it runs already");
  impl_->stopping.store(false);
  impl_->thread = std::thread([this] { impl_->run(); });
}

void PlannerThread::stop() noexcept {
  impl_->stopping.store(true, std::memory_order_relaxed);
  if (impl_->thread.joinable()) impl_->thread.join();
}

void PlannerThread::set_planner(std::shared_ptr<Planner> planner, std::uint32_t generation) {
  const std::lock_guard lock(impl_->mutex);
  impl_->next = {generation, std::move(planner)};
}

PlannerReport PlannerThread::report() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->report;
}

}  // namespace metaworld_rt
