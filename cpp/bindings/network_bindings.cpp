// metaworld_rt._core.Network: one ONNX file on the native engine, for inspection, tests and benchmarks.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <algorithm>
#include <filesystem>

#include "bindings.hpp"
#include "kernels/cpu.hpp"
#include "measure.hpp"
#include "metaworld_rt/error.hpp"
#include "metaworld_rt/network.hpp"
#include "model/files.hpp"
#include "model/program.hpp"

namespace metaworld_rt {
namespace {

namespace py = pybind11;

/// A network and its workspace. Python calls hold the GIL, so one workspace is enough.
struct PyNetwork {
  Network network;
  Workspace workspace;

  explicit PyNetwork(Network n) : network(std::move(n)) { workspace.reserve(network); }
};

using Vector = py::array_t<float, py::array::c_style>;

PyNetwork from_bytes(const py::bytes& bytes, const std::string& name) {
  char* data = nullptr;
  py::ssize_t size = 0;
  PyBytes_AsStringAndSize(bytes.ptr(), &data, &size);
  return PyNetwork(
      Network::from_onnx({reinterpret_cast<const std::byte*>(data), static_cast<std::size_t>(size)}, name));
}

PyNetwork from_file(const std::filesystem::path& path) {
  return PyNetwork(Network::from_onnx(model::read_file(path, model::kMaxFile), path.filename().string()));
}

std::vector<std::pair<std::string, std::uint32_t>> ports(std::span<const TensorInfo> infos) {
  std::vector<std::pair<std::string, std::uint32_t>> out;
  for (const TensorInfo& i : infos) out.emplace_back(i.name, i.size);
  return out;
}

void check_input(const PyNetwork& self, const py::array& x) {
  if (!py::isinstance<Vector>(x) || x.ndim() != 1 || static_cast<std::size_t>(x.size()) != self.network.input_size()) {
    throw py::value_error("run: x must be a contiguous float32 vector of " + std::to_string(self.network.input_size()) +
                          " elements: all inputs, one after another");
  }
}

Vector run(PyNetwork& self, const py::array& x) {
  check_input(self, x);
  Vector out(static_cast<py::ssize_t>(self.network.output_size()));
  self.network.run(static_cast<const float*>(x.data()), out.mutable_data(), self.workspace);
  return out;
}

py::dict measure(PyNetwork& self, const py::array& x, std::size_t calls) {
  check_input(self, x);
  std::vector<float> out(self.network.output_size());
  const auto* in = static_cast<const float*>(x.data());
  return bindings::measure_calls([&] { self.network.run(in, out.data(), self.workspace); }, calls);
}

/// What the lowering made of the graph, one line an operation.
std::vector<std::string> operations(const PyNetwork& self) {
  static constexpr const char* kKinds[] = {"dense",       "layer_norm", "activation", "group_softmax",
                                           "scale_shift", "binary",     "concat",     "slice"};
  static constexpr const char* kActivations[] = {"",     "relu",       "elu",      "tanh", "sigmoid", "mish",
                                                 "silu", "leaky_relu", "softplus", "exp",  "clip"};
  const model::Program& p = self.network.program();
  std::vector<std::string> out;
  for (const model::Op& op : p.ops) {
    std::string line = kKinds[static_cast<std::size_t>(op.kind)];
    for (std::uint32_t v : op.inputs) line += " " + std::to_string(p.values[v].size);
    line += " -> " + std::to_string(p.values[op.output].size);
    if (op.has_norm) line += " + layer_norm";
    if (op.activation != model::Activation::none) {
      line += std::string(" + ") + kActivations[static_cast<std::size_t>(op.activation)];
    }
    if (op.group != 0) line += " + softmax in groups of " + std::to_string(op.group);
    out.push_back(line);
  }
  return out;
}

std::string force_isa(const std::string& wanted) {
  using kernels::Isa;
  if (wanted.empty()) {
    kernels::unforce_isa();
    return kernels::name(kernels::active_isa());
  }
  for (Isa isa : {Isa::portable, Isa::neon, Isa::avx2, Isa::avx512}) {
    if (wanted == kernels::name(isa) && kernels::force_isa(isa)) return wanted;
  }
  throw py::value_error("force_isa: " + wanted + " is not an instruction set that this machine supports");
}

std::vector<std::string> supported_isas() {
  using kernels::Isa;
  std::vector<std::string> out;
  for (Isa isa : {Isa::portable, Isa::neon, Isa::avx2, Isa::avx512}) {
    if (kernels::supported(isa)) out.emplace_back(kernels::name(isa));
  }
  return out;
}

}  // namespace

void bind_network(pybind11::module_& m) {
  py::class_<PyNetwork>(m, "Network",
                        "One neural network on the native engine (batch 1, float32). Raises an error that names the "
                        "node and the op if the engine does not support the graph.")
      .def_static("from_file", &from_file, py::arg("path"), "Reads an .onnx file.")
      .def_static("from_bytes", &from_bytes, py::arg("data"), py::arg("name") = "network",
                  "Reads the bytes of an .onnx file; `name` is used in messages.")
      .def_property_readonly(
          "inputs", [](const PyNetwork& s) { return ports(s.network.inputs()); }, "(name, size) in graph order.")
      .def_property_readonly(
          "outputs", [](const PyNetwork& s) { return ports(s.network.outputs()); }, "(name, size) in graph order.")
      .def_property_readonly(
          "metadata",
          [](const PyNetwork& s) {
            const auto all = s.network.metadata();
            return std::map<std::string, std::string>(all.begin(), all.end());
          },
          "The ONNX metadata_props.")
      .def_property_readonly(
          "isa", [](const PyNetwork& s) { return s.network.isa(); }, "Instruction set the weights are packed for.")
      .def_property_readonly("operations", &operations, "What the engine runs, one line an operation.")
      .def("run", &run, py::arg("x"),
           "x: float32 vector, all inputs one after another in graph order; returns all outputs the same way.")
      .def("measure", &measure, py::arg("x"), py::arg("calls"),
           "Runs x `calls` times. Returns dict: seconds (float64[calls]), mallocs and locks (None unless the counting "
           "library is preloaded).");
  m.def("force_isa", &force_isa, py::arg("name"),
        "Instruction set for networks loaded from now on; '' goes back to the default. For tests and benchmarks.");
  m.def("supported_isas", &supported_isas, "Instruction sets that this machine runs.");
}

}  // namespace metaworld_rt
