#include "control/engine.hpp"

#include <utility>

#include "control/time.hpp"

namespace metaworld_rt::control {

Engine::Engine(std::shared_ptr<const Bundle> b, const ControllerOptions& options, std::uint32_t g)
    : bundle(std::move(b)),
      layout(*bundle),
      features(*bundle),
      gate(*bundle, options.use_gate),
      handover(*bundle, options.use_gate),
      experts(*bundle),
      semantic(*bundle, layout, options.alpha, options.use_semantic, gate.trained(), handover.trained()),
      watchdog(*bundle, options.sensor_checks),
      follower(*bundle),
      limiter(*bundle),
      generation(g),
      decision_ns(from_seconds(1.0 / bundle->decision_hz)),
      half_tick_ns(from_seconds(0.5 / bundle->tick_hz)),
      planned_skills_only(options.planned_skills_only) {
  for (const Expert& e : bundle->experts) workspace.reserve(e.network);
  if (bundle->gate) workspace.reserve(*bundle->gate);
  if (bundle->handover) workspace.reserve(bundle->handover->network);
  // One dry run brings weights and scratch memory in, so that the first tick has no page fault.
  const std::vector<float> phi(bundle->feature_size), even(kMaxSkills, 1.0f);
  float p[kMaxSkills], action[kMaxJoints];
  gate.probabilities(phi.data(), even.data(), 1.0f, workspace, p);
  if (handover.trained()) handover.readiness(phi.data(), workspace, p);
  experts.reference(phi.data(), even.data(), workspace, action);
}

bool Engine::plans_for(const std::array<float, kMaxSkills>& weights) const noexcept {
  if (!planned_skills_only) return true;
  for (std::size_t i = 0; i < bundle->experts.size(); ++i)
    if (weights[i] > 0.0f && !bundle->experts[i].planned) return false;
  return true;
}

void require_compatible(const Bundle& from, const Bundle& to) {
  const auto refuse = [&](const std::string& what) {
    throw Error("bundle " + to.name + " cannot replace " + from.name + " in a running controller: " + what +
                "; make a new Controller for it");
  };
  if (from.robot.name != to.robot.name)
    refuse("it is for robot \"" + to.robot.name + "\", not \"" + from.robot.name + "\"");
  if (from.robot.joints != to.robot.joints) refuse("its joints or their order differ");
  bool same = from.observation.size() == to.observation.size();
  for (std::size_t i = 0; same && i < from.observation.size(); ++i)
    same = from.observation[i].kind == to.observation[i].kind && from.observation[i].size == to.observation[i].size;
  if (!same) refuse("its observation terms or their order differ");
  if (from.tick_hz != to.tick_hz || from.decision_hz != to.decision_hz) refuse("its rates differ");
}

}  // namespace metaworld_rt::control
