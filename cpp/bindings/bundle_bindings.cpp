// Bundle: read-only views of what was loaded. Python never changes a bundle.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <memory>
#include <string_view>

#include "bindings.hpp"
#include "metaworld_rt/bundle.hpp"

namespace metaworld_rt::bindings {
namespace {

std::shared_ptr<Bundle> load_path(const std::filesystem::path& path) {
  const py::gil_scoped_release release;
  return std::const_pointer_cast<Bundle>(load_bundle(path));
}

std::shared_ptr<Bundle> load_bytes(const py::bytes& zip, const std::string& name) {
  const auto view = static_cast<std::string_view>(zip);
  const auto* data = reinterpret_cast<const std::byte*>(view.data());
  const py::gil_scoped_release release;
  return std::const_pointer_cast<Bundle>(load_bundle_memory({data, view.size()}, name));
}

template <class Items>
py::list names_and_sizes(const Items& items) {
  py::list out;
  for (const auto& item : items) out.append(py::make_tuple(item.name, item.size));
  return out;
}

py::list skills(const Bundle& bundle) {
  py::list out;
  for (const Expert& expert : bundle.experts) out.append(expert.name);
  return out;
}

py::dict descriptions(const Bundle& bundle) {
  py::dict out;
  for (const Expert& expert : bundle.experts) out[py::str(expert.name)] = expert.description;
  return out;
}

py::object phase_periods(const Bundle& bundle) {
  py::dict out;
  for (const Expert& expert : bundle.experts) out[py::str(expert.name)] = expert.phase_period_s;
  return out;
}

py::object planner(const Bundle& bundle) {
  if (!bundle.planner) return py::none();
  const PlannerSettings& p = *bundle.planner;
  py::dict out;
  out["horizon"] = p.horizon;
  out["samples"] = p.samples;
  out["iterations"] = p.iterations;
  out["elites"] = p.elites;
  out["prior_trajectories"] = p.prior_trajectories;
  out["expert_trajectories"] = p.expert_trajectories;
  out["temperature"] = p.temperature;
  out["min_std"] = p.min_std;
  out["max_std"] = p.max_std;
  out["guidance"] = p.guidance;
  out["q_reduction"] = p.q_reduction == QReduction::mean ? "mean" : "min";
  out["precision"] = name(p.precision);
  out["deadline_ms"] = p.deadline_ms;
  out["action_tolerance"] = p.action_tolerance;
  return out;
}

std::vector<std::string> planned_skills(const Bundle& bundle) {
  std::vector<std::string> out;
  for (const Expert& expert : bundle.experts)
    if (bundle.planner && expert.planned) out.push_back(expert.name);
  return out;
}

py::object files(const Bundle& bundle) {
  py::dict out;
  for (const auto& [name, file] : bundle.files) {
    py::dict entry;
    entry["bytes"] = file.bytes;
    entry["sha256"] = file.sha256;
    out[py::str(name)] = entry;
  }
  return out;
}

template <class T>
auto vector_of(std::vector<T> Robot::* member) {
  return [member](const Bundle& bundle) { return copied((bundle.robot.*member).data(), bundle.robot.size()); };
}

}  // namespace

void bind_bundle(py::module_& m) {
  py::register_exception<Error>(m, "Error", PyExc_RuntimeError).attr("__doc__") =
      "Something that was loaded is not usable; the message says what, and what to do about it.";

  py::class_<Bundle, std::shared_ptr<Bundle>>(
      m, "Bundle", "A loaded, checked and self-tested bundle. Immutable; safe from any thread. Schema: docs/bundle.md.")
      .def_readonly("name", &Bundle::name)
      .def_readonly("version", &Bundle::version)
      .def_readonly("licence", &Bundle::licence)
      .def_readonly("digest", &Bundle::digest, "SHA-256 of bundle.json, which names all other digests.")
      .def_property_readonly("robot", [](const Bundle& b) { return b.robot.name; })
      .def_property_readonly(
          "joints", [](const Bundle& b) { return b.robot.joints; }, "Joint names, plant order.")
      .def_property_readonly("default_pos", vector_of(&Robot::default_pos), "float64[n], rad.")
      .def_property_readonly("lower", vector_of(&Robot::lower), "float64[n], rad.")
      .def_property_readonly("upper", vector_of(&Robot::upper), "float64[n], rad.")
      .def_property_readonly("stiffness", vector_of(&Robot::stiffness), "float64[n], N m/rad.")
      .def_property_readonly("damping", vector_of(&Robot::damping), "float64[n], N m s/rad.")
      .def_property_readonly("max_force", vector_of(&Robot::max_force), "float64[n], N m.")
      .def_property_readonly(
          "command_rate", [](const Bundle& b) { return copied(b.limits.command_rate.data(), b.robot.size()); },
          "float64[n], rad/s, how fast a position target may move.")
      .def_property_readonly(
          "stop_damping", [](const Bundle& b) { return copied(b.limits.stop_damping.data(), b.robot.size()); },
          "float64[n], N m s/rad, of the controlled stop.")
      .def_property_readonly(
          "action_scale", [](const Bundle& b) { return copied(b.action_scale.data(), b.robot.size()); },
          "float64[n], rad per unit of normalised action.")
      .def_property_readonly(
          "observation", [](const Bundle& b) { return names_and_sizes(b.observation); },
          "list[tuple[str, int]]: the terms of the flat observation, in order.")
      .def_readonly("observation_size", &Bundle::observation_size)
      .def_property_readonly(
          "features", [](const Bundle& b) { return names_and_sizes(b.features); },
          "list[tuple[str, int]]: the terms of phi, in order.")
      .def_readonly("feature_size", &Bundle::feature_size)
      .def_property_readonly("skills", &skills, "list[str]: expert names, in weight order.")
      .def_property_readonly("descriptions", &descriptions, "dict[str, str]: one line an expert.")
      .def_property_readonly("phase_periods", &phase_periods, "dict[str, float]: s; 0 without a gait phase.")
      .def_property_readonly("safe_skill", [](const Bundle& b) { return b.experts[b.safe_skill].name; })
      .def_property_readonly("has_gate", [](const Bundle& b) { return b.gate.has_value(); })
      .def_property_readonly(
          "has_handover", [](const Bundle& b) { return b.handover.has_value(); },
          "bool: a commanded skill waits until it can take over.")
      .def_property_readonly("has_world_model", [](const Bundle& b) { return b.world_model.has_value(); })
      .def_property_readonly("planner", &planner, "dict or None: the planner settings.")
      .def_property_readonly("planned_skills", &planned_skills,
                             "list of str: the skills that the planner is for; it plans where no other is commanded.")
      .def_readonly("interpolate", &Bundle::interpolate)
      .def_readonly("tick_hz", &Bundle::tick_hz)
      .def_readonly("decision_hz", &Bundle::decision_hz)
      .def_readonly("alpha", &Bundle::alpha)
      .def_readonly("semantic_ttl_ms", &Bundle::semantic_ttl_ms)
      .def_readonly("provenance", &Bundle::provenance, "JSON text.")
      .def_property_readonly("selftest_cases", [](const Bundle& b) { return b.selftest.size(); })
      .def_property_readonly("files", &files, "dict[str, dict]: bytes and sha256 of every file.")
      .def("__repr__", [](const Bundle& b) {
        return "<Bundle " + b.name + " " + b.version + ", robot " + b.robot.name + ", " +
               std::to_string(b.experts.size()) + " skills>";
      });

  m.def("load", &load_path, py::arg("path"),
        "Loads a bundle folder or stored zip, checks all of it and replays its self-test.\n\n"
        "Raises:\n    Error: one line naming the file and the key; nothing is kept then.");
  m.def("load_memory", &load_bytes, py::arg("zip"), py::arg("name") = "bundle",
        "The same from the bytes of a stored zip; `name` is used in messages.\n\nRaises:\n    Error: see load.");
}

}  // namespace metaworld_rt::bindings
