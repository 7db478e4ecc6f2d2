// A planner on a thread of its own: takes the newest request, plans until its deadline, posts the plan.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "metaworld_rt/controller.hpp"
#include "metaworld_rt/loop.hpp"
#include "metaworld_rt/planner_slot.hpp"

namespace metaworld_rt {

struct PlannerThreadOptions {
  ThreadOptions thread{};          ///< keep its priority below the servo's
  std::int64_t budget_ns = 0;      ///< from the moment the request is taken; 0: no deadline
  std::int64_t poll_ns = 200'000;  ///< how often it looks for a request
};

struct PlannerReport {
  std::uint64_t plans = 0, iterations = 0, deadline_hits = 0, not_finite = 0;
  Histogram duration;
  std::vector<std::string> warnings;
};

/// The request mailbox is polled with a timed sleep: waking this thread would cost the servo a system call, and the
/// poll costs at most poll_ns of age. Stalls, stops and restarts of this thread are harmless to the servo.
class PlannerThread {
 public:
  /// `controller` must outlive it. Calls controller.expect_plans(true), so make it before the first step.
  PlannerThread(Controller& controller, std::shared_ptr<Planner> planner, const PlannerThreadOptions& options = {});
  ~PlannerThread();  ///< stop() and join
  PlannerThread(const PlannerThread&) = delete;
  PlannerThread& operator=(const PlannerThread&) = delete;

  void start();
  void stop() noexcept;  ///< returns once the thread has ended
  /// The planner for the bundle of `generation` (what Controller::swap returned). Requests of a generation without a
  /// planner are left unanswered. Any thread.
  void set_planner(std::shared_ptr<Planner> planner, std::uint32_t generation);
  /// A copy taken under a mutex that only this class uses. Any thread.
  PlannerReport report() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace metaworld_rt
