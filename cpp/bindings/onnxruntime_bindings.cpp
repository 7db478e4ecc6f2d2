// ONNX Runtime through the C++ core: what a C++ host gets, for tests and for planning on a thread without Python.
#include "metaworld_rt/onnxruntime.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bindings.hpp"
#include "measure.hpp"

namespace metaworld_rt::bindings {
namespace {

std::span<const std::byte> view_of(const py::bytes& bytes) {
  const auto view = static_cast<std::string_view>(bytes);
  return {reinterpret_cast<const std::byte*>(view.data()), view.size()};
}

OrtOptions options_of(std::string library, std::uint32_t threads, bool spin, std::string provider,
                      const std::map<std::string, std::string>& provider_options) {
  OrtOptions o;
  o.library = std::move(library);
  o.threads = threads;
  o.spin = spin;
  o.provider = std::move(provider);
  o.provider_options.assign(provider_options.begin(), provider_options.end());
  return o;
}

py::list described(std::span<const OrtTensor> tensors) {
  py::list out;
  for (const OrtTensor& t : tensors) out.append(py::make_tuple(t.name, py::tuple(py::cast(t.shape))));
  return out;
}

using FloatArray = py::array_t<float, py::array::c_style | py::array::forcecast>;

template <class Row>
void fill(Row& to, const FloatArray& from, const char* what) {
  if (static_cast<std::size_t>(from.size()) > to.size()) {
    throw py::value_error(std::string(what) + " takes at most " + std::to_string(to.size()) + " values");
  }
  std::copy_n(from.data(), from.size(), to.begin());
}

py::dict plan(OrtPlanner& self, const FloatArray& phi, const FloatArray& condition, const FloatArray& mixture,
              const FloatArray& reference, std::int64_t t_ns, std::uint64_t decision) {
  PlanRequest r;
  r.t_ns = t_ns;
  r.decision = decision;
  fill(r.phi, phi, "phi");
  fill(r.condition, condition, "condition");
  fill(r.mixture, mixture, "mixture");
  fill(r.reference, reference, "reference");
  Plan p;
  {
    const py::gil_scoped_release release;
    self.plan(r, 0, p);
  }
  const auto rows = [&](const auto& from) {
    py::array_t<float> out({static_cast<py::ssize_t>(p.horizon), reference.size()});
    for (std::uint32_t t = 0; t < p.horizon; ++t) std::copy_n(from[t].data(), reference.size(), out.mutable_data(t, 0));
    return out;
  };
  py::dict out;
  out["action"] = rows(p.action);
  out["std"] = rows(p.std);
  out["finite"] = p.finite;
  out["value"] = p.value;
  out["duration_ns"] = p.duration_ns;
  return out;
}

std::vector<const float*> pointers(const OrtSession& self, const std::vector<FloatArray>& inputs) {
  const auto wanted = self.inputs();
  if (inputs.size() != wanted.size()) {
    throw py::value_error("run() takes " + std::to_string(wanted.size()) + " inputs, got " +
                          std::to_string(inputs.size()));
  }
  std::vector<const float*> in;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (static_cast<std::size_t>(inputs[i].size()) != wanted[i].size) {
      throw py::value_error("input \"" + wanted[i].name + "\" takes " + std::to_string(wanted[i].size) +
                            " values, got " + std::to_string(inputs[i].size()));
    }
    in.push_back(inputs[i].data());
  }
  return in;
}

py::list run(OrtSession& self, const std::vector<FloatArray>& inputs) {
  const std::vector<const float*> in = pointers(self, inputs);
  py::list results;
  std::vector<float*> out;
  for (const OrtTensor& t : self.outputs()) {
    py::array_t<float> array(t.shape);
    out.push_back(array.mutable_data());
    results.append(std::move(array));
  }
  {
    const py::gil_scoped_release release;
    self.run(in, out);
  }
  return results;
}

py::dict measure(OrtSession& self, const std::vector<FloatArray>& inputs, std::size_t calls) {
  const std::vector<const float*> in = pointers(self, inputs);
  std::vector<std::vector<float>> buffers;
  std::vector<float*> out;
  for (const OrtTensor& t : self.outputs()) out.push_back(buffers.emplace_back(t.size).data());
  self.bind(in, out);
  return measure_calls([&] { self.run_bound(); }, calls);
}

}  // namespace
}  // namespace metaworld_rt::bindings

namespace metaworld_rt {

void bind_onnxruntime(pybind11::module_& m) {
  namespace py = pybind11;
  namespace b = bindings;
  m.def(
      "onnxruntime_version",
      [](const std::string& library) {
        std::string why;
        std::string version = onnxruntime_version(library, &why);
        return py::make_tuple(version, why);
      },
      py::arg("library") = "",
      "Version of the ONNX Runtime that the C++ core can load, and why it can load none (one of the two is empty).");
  py::class_<OrtSession>(m, "OrtSession", "One ONNX model in ONNX Runtime, loaded by the C++ core.")
      .def(
          py::init([](const py::bytes& model, std::string library, std::uint32_t threads, bool spin,
                      std::string provider, const std::map<std::string, std::string>& provider_options) {
            return std::make_unique<OrtSession>(
                b::view_of(model),
                b::options_of(std::move(library), threads, spin, std::move(provider), provider_options));
          }),
          py::arg("model"), py::kw_only(), py::arg("library") = "", py::arg("threads") = 1, py::arg("spin") = false,
          py::arg("provider") = "CPU", py::arg("provider_options") = std::map<std::string, std::string>{},
          "Args:\n    model: the bytes of an ONNX file.\n    library: path of libonnxruntime; empty: see "
          "MWRT_ONNXRUNTIME.\n    threads: of one operator.\n    spin: idle threads may spin.\n    provider: execution "
          "provider.\n\nRaises:\n    Error: no library, or the model or provider is refused.")
      .def_property_readonly(
          "inputs", [](const OrtSession& s) { return b::described(s.inputs()); }, "(name, shape) of each.")
      .def_property_readonly(
          "outputs", [](const OrtSession& s) { return b::described(s.outputs()); }, "(name, shape) of each.")
      .def("run", &b::run, py::arg("inputs"), "One float32 array an input; returns one an output.")
      .def("measure", &b::measure, py::arg("inputs"), py::arg("calls"),
           "Runs the inputs `calls` times with buffers bound once. Returns dict: seconds (float64[calls]), mallocs and "
           "locks (None unless the counting library is preloaded).");
  py::class_<OrtPlanner, Planner, std::shared_ptr<OrtPlanner>>(
      m, "OrtPlanner", "A bundle's plan.onnx as a planner, in ONNX Runtime. It cannot stop at a deadline.")
      .def(py::init([](const std::shared_ptr<Bundle>& bundle, const py::bytes& plan_onnx, std::string library,
                       std::uint32_t threads, bool spin, std::string provider,
                       const std::map<std::string, std::string>& provider_options, std::uint64_t seed) {
             return std::make_shared<OrtPlanner>(
                 bundle, b::view_of(plan_onnx),
                 b::options_of(std::move(library), threads, spin, std::move(provider), provider_options), seed);
           }),
           py::arg("bundle"), py::arg("plan_onnx"), py::kw_only(), py::arg("library") = "", py::arg("threads") = 1,
           py::arg("spin") = false, py::arg("provider") = "CPU",
           py::arg("provider_options") = std::map<std::string, std::string>{}, py::arg("seed") = 0,
           "Args:\n    bundle: with a world model and planner settings.\n    plan_onnx: the bytes of its plan file.\n  "
           "  "
           "seed: of the noise, which is MppiPlanner's.\n    The others: see OrtSession.\n\nRaises:\n    Error: as "
           "OrtSession, or the file is not the bundle's.")
      .def("plan", &b::plan, py::arg("phi"), py::kw_only(), py::arg("condition"), py::arg("mixture"),
           py::arg("reference"), py::arg("t_ns") = 0, py::arg("decision") = 0,
           "Plans one decision. Returns dict with action and std float32[H, n], finite, value, duration_ns.")
      .def("reset", &OrtPlanner::reset, "Forgets the warm start.")
      .def_property_readonly("last_error", &OrtPlanner::last_error);
}

}  // namespace metaworld_rt
