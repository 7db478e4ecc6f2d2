// The latent MPPI planner on the native engine: TD-MPC2's planner (arXiv 2310.16828) with expert seeds and guidance.
// What it computes: docs/bundle.md, "The planner, exactly".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "metaworld_rt/bundle.hpp"
#include "metaworld_rt/planner_slot.hpp"

namespace metaworld_rt {

namespace planner {
class Mppi;
}

struct PlannerOptions {
  std::uint32_t threads = 1;      ///< the caller's included; the plan is the same, bit for bit, whatever it is
  std::vector<int> cpus{};        ///< CPU of the 2nd, 3rd, ... thread; missing: the system's choice
  std::int64_t spin_ns = 20'000;  ///< how long an idle thread looks for work before it parks
  std::uint64_t seed = 0;         ///< of the noise, with PlanRequest::decision
  std::optional<PlannerSettings> settings{};  ///< in place of the bundle's
  /// false: low precision without the check below, for benchmarks; `automatic` is checked all the same.
  bool gate = true;
};

/// What the low-precision gate found. Without calibration states nothing can be shown, so everything but fp32 is
/// refused. Figures are those of the last precision that was tried.
struct PrecisionReport {
  Precision requested = Precision::fp32, used = Precision::fp32;
  std::uint32_t states = 0;        ///< calibration states that were compared
  double rank_correlation = 1.0;   ///< Spearman's, of trajectory values, the least over the states
  double action_difference = 0.0;  ///< of the plan's first action, greatest over states and joints
  std::string message;             ///< why `used` is not `requested`, or not the fastest; empty if it is
};

/// One instance serves one calling thread; further threads are its own. Real-time class of plan(): no malloc, no lock;
/// with more than one thread it may make a system call to wake a parked one.
///
/// Anytime: the deadline is looked at before every block of about 56 trajectories and at every model step inside it,
/// so plan() returns at most one model step of one block late. An iteration cut short counts if half of its
/// trajectories were valued. With no time at all the plan is the last one shifted in time, or, without one, the
/// reference held. A request or a model with a number that is not finite gives Plan::finite = false.
///
/// Warm start: the last plan's mean, shifted by the time between the two requests in whole and broken model steps.
class MppiPlanner final : public Planner {
 public:
  /// Packs the weights and runs the precision gate: load time only (the gate plans for every calibration state).
  /// Throws Error: the bundle has no world model, a network is no chain of dense layers, weights are not finite.
  explicit MppiPlanner(std::shared_ptr<const Bundle> bundle, const PlannerOptions& options = {});
  ~MppiPlanner() override;

  void plan(const PlanRequest& request, std::int64_t deadline_ns, Plan& plan) noexcept override;
  void reset() noexcept override;

  const PrecisionReport& precision() const noexcept;
  /// The settings in force, brought into range.
  const PlannerSettings& settings() const noexcept;
  /// Which kernels run, such as "int8-vpdpbusd". Static storage.
  const char* kernel() const noexcept;
  /// Operations of a whole plan (two a multiply-add), without padding.
  double flop() const noexcept;
  /// The planner itself, for tests and benchmarks. Include src/planner/mppi.hpp.
  planner::Mppi& core() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace metaworld_rt
