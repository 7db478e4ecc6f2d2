// Steps a controller over a toy bundle at 1 kHz with observations that change like real ones.
#pragma once

#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "metaworld_rt/controller.hpp"
#include "rtsan.hpp"
#include "toy_bundle.hpp"

namespace toy {

inline constexpr std::int64_t kMs = 1'000'000;
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Rig {
  explicit Rig(mw::Bundle b = bundle(), const mw::ControllerOptions& options = {})
      : bundle_(share(std::move(b))), controller(bundle_, options), observation(toy::observation(*bundle_)) {}

  std::shared_ptr<const mw::Bundle> bundle_;
  mw::Controller controller;
  std::vector<double> observation;
  std::int64_t t = 1000 * kMs, delay = 0, period = kMs;
  mw::Command command;
  mw::Status status;
  bool wiggle = true;              ///< sensors differ from tick to tick, as real ones do
  bool encoders = true;            ///< those of the joints too
  std::uint64_t bad_commands = 0;  ///< not finite, or outside the joint limits

  /// One tick, then time moves on.
  void tick() {
    if (wiggle) observation[bundle_->find(mw::ObservationKind::base_ang_vel)->offset] += 1e-9;
    for (std::size_t i = 0; wiggle && encoders && i < kJoints; ++i) jitter(i);
    {
      const RealtimeScope realtime;
      controller.step(t, t - delay, observation, command, status);
    }
    for (std::size_t i = 0; i < kJoints; ++i)
      bad_commands += !(command.q[i] >= bundle_->robot.lower[i] && command.q[i] <= bundle_->robot.upper[i]) ||
                      !std::isfinite(command.kp[i]) || !std::isfinite(command.kd[i]);
    t += period;
  }
  /// One joint's position moves by next to nothing, and back in the next tick.
  void jitter(std::size_t joint) {
    observation[bundle_->find(mw::ObservationKind::joint_pos)->offset + joint] += jitter_[joint];
    jitter_[joint] = -jitter_[joint];
  }
  void ticks(int n) {
    for (int i = 0; i < n; ++i) tick();
  }
  void set(mw::ObservationKind kind, std::initializer_list<double> values) {
    std::copy(values.begin(), values.end(), observation.begin() + bundle_->find(kind)->offset);
  }
  std::uint64_t rung(mw::Rung r) const { return status.rungs[static_cast<std::size_t>(r)]; }
  double target(std::size_t joint, double action) const {
    return bundle_->robot.default_pos[joint] + bundle_->action_scale[joint] * action;
  }

 private:
  std::array<double, kJoints> jitter_{1e-13, 1e-13, 1e-13};
};

/// Answers every request at once with the same action in every step.
struct ConstantPlanner : mw::Planner {
  explicit ConstantPlanner(float a, std::uint32_t h = 3) : action(a), horizon(h) {}
  float action;
  std::uint32_t horizon;
  bool finite = true;
  int calls = 0, resets = 0;
  mw::PlanRequest last{};
  void plan(const mw::PlanRequest& request, std::int64_t, mw::Plan& plan) noexcept override {
    ++calls;
    last = request;
    plan = mw::Plan{};
    plan.t_ns = request.t_ns;
    plan.dt_ns = 20 * kMs;
    plan.decision = request.decision;
    plan.generation = request.generation;
    plan.horizon = horizon;
    plan.iterations = 2;
    plan.finite = finite;
    for (std::uint32_t k = 0; k < horizon; ++k)
      for (std::size_t j = 0; j < kJoints; ++j) plan.action[k][j] = action + 0.01f * static_cast<float>(k);
  }
  void reset() noexcept override { ++resets; }
};

}  // namespace toy
