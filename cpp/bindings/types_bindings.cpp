// Values that cross threads: goals, stages, skill commands, joint commands and status.
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "bindings.hpp"
#include "metaworld_rt/types.hpp"

namespace metaworld_rt::bindings {
namespace {

Stage make_stage(const std::vector<float>& weights, float alpha, const Goal& goal, Until until, float threshold,
                 float timeout_s) {
  if (weights.size() > kMaxSkills) {
    throw py::value_error("a stage takes at most " + std::to_string(kMaxSkills) + " weights, got " +
                          std::to_string(weights.size()));
  }
  Stage stage;
  std::copy(weights.begin(), weights.end(), stage.weights.begin());
  stage.alpha = alpha;
  stage.goal = goal;
  stage.until = until;
  stage.threshold = threshold;
  stage.timeout_s = timeout_s;
  return stage;
}

SkillCommand make_command(const std::vector<Stage>& stages, std::int64_t t_ns, std::int64_t ttl_ns, std::uint32_t id) {
  if (stages.empty() || stages.size() > kMaxStages) {
    throw py::value_error("a skill command takes 1 to " + std::to_string(kMaxStages) + " stages, got " +
                          std::to_string(stages.size()));
  }
  SkillCommand command;
  command.t_ns = t_ns;
  command.ttl_ns = ttl_ns;
  command.id = id;
  command.stage_count = static_cast<std::uint32_t>(stages.size());
  std::copy(stages.begin(), stages.end(), command.stages.begin());
  return command;
}

void bind_enums(py::module_& m) {
  py::enum_<Until>(m, "Until", "When a stage is done; the threshold's unit is in the comment of each value.")
      .value("never", Until::never)
      .value("elapsed", Until::elapsed, "s since the stage began")
      .value("distance", Until::distance, "m travelled horizontally since the stage began")
      .value("door_hinge", Until::door_hinge, "hinge angle >= threshold, rad")
      .value("door_latch", Until::door_latch, "latch angle >= threshold, rad")
      .value("hand_to_goal", Until::hand_to_goal, "left hand within threshold of the goal, m")
      .value("base_to_goal", Until::base_to_goal, "base horizontally within threshold of the goal, m")
      .value("passed_x", Until::passed_x, "base x >= threshold, world, m")
      .value("upright", Until::upright, "base up-axis z >= threshold for 0.5 s");
  py::enum_<CommandMode>(m, "CommandMode", "How a plant must read a Command.")
      .value("position", CommandMode::position, "tau = kp (q - q_now) - kd qd_now, clamped to max_force")
      .value("damping", CommandMode::damping, "tau = -kd qd_now: the controlled stop");
  py::enum_<Mode>(m, "Mode", "What the controller is doing.")
      .value("running", Mode::running)
      .value("holding", Mode::holding, "last command held; recovers by itself")
      .value("stopped", Mode::stopped, "controlled stop; rearm() to leave");
}

void bind_skill_values(py::module_& m) {
  py::class_<Goal>(m, "Goal", "What a skill should aim at. A field that a skill does not read is ignored.")
      .def(py::init([](float heading, float speed, const std::optional<std::array<float, 3>>& target) {
             Goal goal;
             goal.heading = heading;
             goal.speed = speed;
             goal.has_target = target.has_value();
             if (target) goal.target = *target;
             return goal;
           }),
           py::arg("heading") = 0.0f, py::arg("speed") = 0.0f, py::arg("target") = py::none(),
           "Args:\n    heading: world yaw to face and move along, rad.\n    speed: m/s along the heading; 0 lets the "
           "skill choose.\n    target: world position for a hand, m, or None.")
      .def_readonly("heading", &Goal::heading)
      .def_readonly("speed", &Goal::speed)
      .def_property_readonly("target", [](const Goal& goal) -> std::optional<std::array<float, 3>> {
        return goal.has_target ? std::optional(goal.target) : std::nullopt;
      });

  py::class_<Stage>(m, "Stage", "One step of a skill plan: weights over the bundle's experts, and when to go on.")
      .def(
          py::init(&make_stage), py::arg("weights"), py::arg("alpha") = -1.0f, py::arg_v("goal", Goal{}, "Goal()"),
          py::arg_v("until", Until::never, "Until.never"), py::arg("threshold") = 0.0f, py::arg("timeout_s") = 0.0f,
          "Args:\n    weights: one a skill of the bundle, in its order, each >= 0, sum 1 (checked by the controller).\n"
          "    alpha: trust in these weights against the gate, 0..1; negative takes the bundle's value.\n"
          "    goal: what to aim at.\n    until: when the stage is done; `threshold` is in the unit it names.\n"
          "    threshold: see until.\n    timeout_s: go on after this long whatever `until` says; 0 = no timeout.\n\n"
          "Raises:\n    ValueError: more weights than a bundle can have skills.")
      .def_property_readonly(
          "weights", [](const Stage& stage) { return copied(stage.weights.data(), kMaxSkills); },
          "float32[32], entries past the bundle's skills are 0.")
      .def_readonly("alpha", &Stage::alpha)
      .def_readonly("goal", &Stage::goal)
      .def_readonly("until", &Stage::until)
      .def_readonly("threshold", &Stage::threshold)
      .def_readonly("timeout_s", &Stage::timeout_s);

  py::class_<SkillCommand>(m, "SkillCommand", "What the semantic layer asks for: 1 to 8 stages. Newest wins.")
      .def(py::init(&make_command), py::arg("stages"), py::arg("t_ns") = 0, py::arg("ttl_ns") = 0, py::arg("id") = 0,
           "Args:\n    stages: 1 to 8 stages, followed in order.\n    t_ns: when it was made, on the clock that is "
           "passed to step().\n    ttl_ns: how long it may be followed without being renewed; 0 takes the bundle's "
           "value.\n    id: a command with the id of the one before renews it without starting its stages again.\n\n"
           "Raises:\n    ValueError: no stage, or more than 8.")
      .def_property_readonly("stages",
                             [](const SkillCommand& command) {
                               return std::vector<Stage>(command.stages.begin(),
                                                         command.stages.begin() + command.stage_count);
                             })
      .def_readonly("t_ns", &SkillCommand::t_ns)
      .def_readonly("ttl_ns", &SkillCommand::ttl_ns)
      .def_readonly("id", &SkillCommand::id);
}

py::dict rung_counts(const TickStatus& status) {
  py::dict counts;
  for (std::size_t i = 0; i < kRungs; ++i) counts[name(static_cast<Rung>(i))] = status.rungs[i];
  return counts;
}

void bind_command(py::module_& m) {
  py::class_<JointCommand>(m, "Command", "One command to the joints, in bundle joint order.")
      .def_property_readonly("t_ns", [](const JointCommand& c) { return c.t_ns; })
      .def_property_readonly("mode", [](const JointCommand& c) { return c.mode; })
      .def_property_readonly(
          "q", [](const JointCommand& c) { return copied(c.q.data(), c.joints); }, "float64[n], position target, rad.")
      .def_property_readonly(
          "kp", [](const JointCommand& c) { return copied(c.kp.data(), c.joints); }, "float64[n], N m/rad.")
      .def_property_readonly(
          "kd", [](const JointCommand& c) { return copied(c.kd.data(), c.joints); }, "float64[n], N m s/rad.");
}

void bind_status(py::module_& m) {
  using S = TickStatus;
  py::class_<S>(m, "Status", "What one tick did.")
      .def_property_readonly("t_ns", [](const S& s) { return s.t_ns; })
      .def_property_readonly("tick", [](const S& s) { return s.tick; })
      .def_property_readonly("decision", [](const S& s) { return s.decision; })
      .def_property_readonly("mode", [](const S& s) { return s.mode; })
      .def_property_readonly("new_decision", [](const S& s) { return s.new_decision; })
      .def_property_readonly(
          "plan_used", [](const S& s) { return s.plan_used; }, "False: the expert mixture was followed.")
      .def_property_readonly(
          "stages_done", [](const S& s) { return s.stages_done; }, "The last stage's condition has been met.")
      .def_property_readonly("command_id", [](const S& s) { return s.command_id; })
      .def_property_readonly("stage", [](const S& s) { return s.stage; })
      .def_property_readonly(
          "generation", [](const S& s) { return s.generation; }, "Which bundle is in force: 0 the first, +1 a swap.")
      .def_property_readonly(
          "frozen_joint", [](const S& s) { return s.frozen_joint; },
          "Index of the joint whose encoder sticks (rung joint_frozen); -1: none.")
      .def_property_readonly("plan_age_ns", [](const S& s) { return s.plan_age_ns; })
      .def_property_readonly("semantic_age_ns", [](const S& s) { return s.semantic_age_ns; })
      .def_property_readonly("alpha", [](const S& s) { return s.alpha; })
      .def_property_readonly(
          "phase", [](const S& s) { return s.phase; }, "Gait phase, cycles in [0, 1).")
      .def_property_readonly(
          "mixture", [](const S& s) { return copied(s.mixture.data(), s.skills); },
          "float32[skills], the fused weights over the experts.")
      .def_property_readonly(
          "reference", [](const S& s) { return copied(s.reference.data(), s.joints); },
          "float32[n], a_ref, the expert mixture's normalised action.")
      .def_property_readonly(
          "action", [](const S& s) { return copied(s.action.data(), s.joints); },
          "float32[n], the normalised action of this decision.")
      .def_property_readonly("rungs", &rung_counts, "dict[str, int]: the safety ladder's counters since construction.");
}

}  // namespace

void bind_types(py::module_& m) {
  m.attr("MAX_SKILLS") = kMaxSkills;
  m.attr("MAX_STAGES") = kMaxStages;
  bind_enums(m);
  bind_skill_values(m);
  bind_command(m);
  bind_status(m);
}

}  // namespace metaworld_rt::bindings
