// Everything of one bundle that a tick uses, made off the loop and swapped in whole.
#pragma once

#include <array>
#include <memory>

#include "control/limiter.hpp"
#include "control/plan_follower.hpp"
#include "control/semantic_policy.hpp"
#include "control/watchdog.hpp"
#include "metaworld_rt/bundle.hpp"
#include "metaworld_rt/controller.hpp"
#include "metaworld_rt/planner_slot.hpp"
#include "skills/expert_library.hpp"
#include "skills/features.hpp"
#include "skills/gate.hpp"
#include "skills/handover.hpp"

namespace metaworld_rt::control {

struct Engine {
  Engine(std::shared_ptr<const Bundle> bundle, const ControllerOptions& options, std::uint32_t generation);

  /// Whether the planner is for all skills that are commanded. Real-time safe.
  bool plans_for(const std::array<float, kMaxSkills>& weights) const noexcept;

  std::shared_ptr<const Bundle> bundle;
  skills::ObservationLayout layout;
  skills::FeatureTable features;
  skills::Gate gate;
  skills::Handover handover;
  skills::ExpertLibrary experts;
  SemanticPolicy semantic;
  Watchdog watchdog;
  PlanFollower follower;
  Limiter limiter;
  Workspace workspace;
  std::shared_ptr<Planner> planner;  ///< in the tick; null: none
  std::uint32_t generation;
  std::int64_t decision_ns, half_tick_ns;
  bool planned_skills_only;
  Engine* next_retired = nullptr;
};

/// Throws Error unless a controller that runs `from` can go on with `to` between two ticks.
void require_compatible(const Bundle& from, const Bundle& to);

}  // namespace metaworld_rt::control
