// MppiPlanner: from a bundle, or from the ONNX bytes of a world model's networks; and what tests and benchmarks ask.
#include "metaworld_rt/planner.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bindings.hpp"
#include "planner/mppi.hpp"

namespace metaworld_rt::bindings {
namespace {

using FloatArray = py::array_t<float, py::array::c_style | py::array::forcecast>;

Precision precision_of(const std::string& name) {
  if (const auto found = precision_named(name)) return *found;
  throw py::value_error("precision must be fp32, bf16, int8, int16 or auto, got '" + name + "'");
}

/// Of the kernels: any precision but `auto`.
kernels::Storage storage_of(const std::string& name) {
  const Precision p = precision_of(name);
  if (p == Precision::automatic) throw py::value_error("auto is no number format of a kernel");
  return static_cast<kernels::Storage>(p);
}

template <class T>
void take(const py::kwargs& from, const char* key, T& to) {
  if (from.contains(key)) to = from[key].template cast<T>();
}

/// The keys of bundle.json's `planner` object. Throws py::type_error for any other.
PlannerSettings overridden(PlannerSettings s, const py::kwargs& k) {
  static constexpr const char* kKnown[] = {
      "horizon",     "samples",         "iterations", "elites",   "prior_trajectories", "expert_trajectories",
      "temperature", "min_std",         "max_std",    "guidance", "q_reduction",        "precision",
      "deadline_ms", "action_tolerance"};
  for (const auto& item : k) {
    const auto key = item.first.cast<std::string>();
    if (std::none_of(std::begin(kKnown), std::end(kKnown), [&](const char* known) { return key == known; })) {
      throw py::type_error("MppiPlanner has no setting '" + key + "'");
    }
  }
  take(k, "horizon", s.horizon);
  take(k, "samples", s.samples);
  take(k, "iterations", s.iterations);
  take(k, "elites", s.elites);
  take(k, "prior_trajectories", s.prior_trajectories);
  take(k, "expert_trajectories", s.expert_trajectories);
  take(k, "temperature", s.temperature);
  take(k, "min_std", s.min_std);
  take(k, "max_std", s.max_std);
  take(k, "guidance", s.guidance);
  take(k, "deadline_ms", s.deadline_ms);
  take(k, "action_tolerance", s.action_tolerance);
  if (k.contains("precision")) s.precision = precision_of(k["precision"].cast<std::string>());
  if (k.contains("q_reduction")) {
    const auto name = k["q_reduction"].cast<std::string>();
    if (name != "mean" && name != "min") throw py::value_error("q_reduction must be mean or min, got '" + name + "'");
    s.q_reduction = name == "min" ? QReduction::min : QReduction::mean;
  }
  return s;
}

PlannerOptions options_of(std::uint32_t threads, std::vector<int> cpus, std::uint64_t seed, bool gate,
                          const PlannerSettings& settings) {
  PlannerOptions o;
  o.threads = threads;
  o.cpus = std::move(cpus);
  o.seed = seed;
  o.gate = gate;
  o.settings = settings;
  return o;
}

std::shared_ptr<MppiPlanner> from_bundle(const std::shared_ptr<Bundle>& bundle, std::uint32_t threads,
                                         std::vector<int> cpus, std::uint64_t seed, bool gate,
                                         const py::kwargs& settings) {
  const auto options = options_of(threads, std::move(cpus), seed, gate,
                                  overridden(bundle->planner.value_or(PlannerSettings{}), settings));
  const py::gil_scoped_release release;
  return std::make_shared<MppiPlanner>(bundle, options);
}

/// A bundle with a world model and nothing else.
std::shared_ptr<MppiPlanner> from_networks(const std::map<std::string, py::bytes>& files, float vmin, float vmax,
                                           float discount, double decision_hz,
                                           const std::optional<FloatArray>& calibration, std::uint32_t threads,
                                           std::vector<int> cpus, std::uint64_t seed, bool gate,
                                           const py::kwargs& settings) {
  const auto network = [&](const std::string& name) {
    const auto it = files.find(name);
    if (it == files.end()) throw py::key_error("networks has no '" + name + "'");
    const auto view = static_cast<std::string_view>(it->second);
    return Network::from_onnx({reinterpret_cast<const std::byte*>(view.data()), view.size()}, name);
  };
  const auto size_of = [](const Network& n, const char* input) -> std::uint32_t {
    for (const TensorInfo& i : n.inputs()) {
      if (i.name == input) return i.size;
    }
    return 0;
  };
  auto b = std::make_shared<Bundle>();
  b->name = "networks";
  b->decision_hz = decision_hz;
  WorldModel w{.encoder = network("encoder"),
               .dynamics = network("dynamics"),
               .reward = network("reward"),
               .q = {},
               .prior = network("prior"),
               .termination = {},
               .plan_file = {}};
  for (int i = 0; files.count("q" + std::to_string(i)); ++i) w.q.push_back(network("q" + std::to_string(i)));
  if (files.count("termination")) w.termination = network("termination");
  for (int i = 0; files.count("expert" + std::to_string(i)); ++i) {
    const Network latent = network("expert" + std::to_string(i));
    b->experts.push_back(Expert{"expert" + std::to_string(i), "", "", latent, 0.0, latent});
  }
  w.latent = size_of(w.dynamics, "z");
  w.condition = size_of(w.dynamics, "c");
  w.bins = static_cast<std::uint32_t>(w.reward.output_size());
  w.vmin = vmin;
  w.vmax = vmax;
  w.discount = discount;
  b->feature_size = size_of(w.encoder, "phi");
  b->robot.joints.resize(size_of(w.dynamics, "a"));
  if (calibration) {
    const std::size_t width = b->feature_size + w.condition;
    b->calibration.assign(calibration->data(), calibration->data() + calibration->size());
    if (width == 0 || b->calibration.size() % width) throw py::value_error("calibration rows must be phi and c");
    b->calibration_rows = static_cast<std::uint32_t>(b->calibration.size() / width);
  }
  b->world_model = std::move(w);
  const auto options = options_of(threads, std::move(cpus), seed, gate, overridden({}, settings));
  const py::gil_scoped_release release;
  return std::make_shared<MppiPlanner>(b, options);
}

void fill(const std::optional<FloatArray>& value, float* to, std::size_t size, const char* what) {
  if (!value) return;
  if (static_cast<std::size_t>(value->size()) != size) {
    throw py::value_error(std::string(what) + " must have " + std::to_string(size) + " values, got " +
                          std::to_string(value->size()));
  }
  std::copy_n(value->data(), size, to);
}

PlanRequest request_of(MppiPlanner& self, const FloatArray& phi, const std::optional<FloatArray>& condition,
                       const std::optional<FloatArray>& mixture, const std::optional<FloatArray>& reference,
                       std::int64_t t_ns, std::uint64_t decision) {
  const planner::PackedModel& m = self.core().model();
  PlanRequest r;
  r.t_ns = t_ns;
  r.decision = decision;
  fill(phi, r.phi.data(), m.features, "phi");
  fill(condition, r.condition.data(), m.condition, "condition");
  fill(mixture, r.mixture.data(), m.experts, "mixture");
  fill(reference, r.reference.data(), m.actions, "reference");
  return r;
}

py::array_t<float> rows(const std::array<std::array<float, kMaxJoints>, kMaxHorizon>& from, std::uint32_t horizon,
                        std::uint32_t actions) {
  py::array_t<float> out({horizon, actions});
  for (std::uint32_t t = 0; t < horizon; ++t) std::copy_n(from[t].data(), actions, out.mutable_data(t, 0));
  return out;
}

py::dict dict_of(std::uint32_t actions, const Plan& plan) {
  py::dict out;
  out["action"] = rows(plan.action, plan.horizon, actions);
  out["std"] = rows(plan.std, plan.horizon, actions);
  out["finite"] = plan.finite;
  out["deadline_hit"] = plan.deadline_hit;
  out["iterations"] = plan.iterations;
  out["samples"] = plan.samples;
  out["value"] = plan.value;
  out["duration_ns"] = plan.duration_ns;
  return out;
}

py::dict plan(MppiPlanner& self, const FloatArray& phi, const std::optional<FloatArray>& condition,
              const std::optional<FloatArray>& mixture, const std::optional<FloatArray>& reference, std::int64_t t_ns,
              std::uint64_t decision, std::int64_t budget_ns) {
  const PlanRequest r = request_of(self, phi, condition, mixture, reference, t_ns, decision);
  Plan p;
  {
    const py::gil_scoped_release release;
    self.plan(r, budget_ns < 0 ? 0 : planner::Clock::now() + budget_ns, p);
  }
  return dict_of(self.core().model().actions, p);
}

py::dict trace(MppiPlanner& self, const FloatArray& phi, const std::optional<FloatArray>& condition,
               const std::optional<FloatArray>& mixture, const std::optional<FloatArray>& reference,
               const std::optional<FloatArray>& prior_noise, const std::optional<FloatArray>& expert_noise,
               const FloatArray& sample_noise, const std::optional<FloatArray>& prev_mean) {
  const PlanRequest r = request_of(self, phi, condition, mixture, reference, 0, 0);
  const PlannerSettings& s = self.settings();
  const std::size_t a = self.core().model().actions, h = s.horizon, i = s.iterations, n = s.samples;
  const auto checked = [](const std::optional<FloatArray>& v, std::size_t size, const char* what) -> const float* {
    const auto got = v ? static_cast<std::size_t>(v->size()) : 0;
    if (got != size) {
      throw py::value_error(std::string(what) + " must have " + std::to_string(size) + " values, got " +
                            std::to_string(got));
    }
    return v ? v->data() : nullptr;
  };
  planner::NoiseView noise;
  noise.prior = checked(prior_noise, h * s.prior_trajectories * a, "prior_noise");
  noise.expert = checked(expert_noise, h * s.expert_trajectories * a, "expert_noise");
  noise.sample = checked(sample_noise, i * h * (n - s.prior_trajectories - s.expert_trajectories) * a, "sample_noise");
  const float* start = prev_mean ? checked(prev_mean, h * a, "prev_mean") : nullptr;
  Plan p;
  planner::Trace t;
  {
    const py::gil_scoped_release release;
    self.core().plan(r, 0, p, &noise, start, &t);
  }
  py::dict out = dict_of(self.core().model().actions, p);
  const auto shaped = [](const auto& v, const std::vector<std::size_t>& shape) {
    using T = typename std::decay_t<decltype(v)>::value_type;
    return py::array_t<T>(shape, v.data());
  };
  if (!p.finite) return out;
  out["values"] = shaped(t.values, {i, n});
  out["elites"] = shaped(t.elites, {i, s.elites});
  out["means"] = shaped(t.mean, {i, h, a});
  out["stds"] = shaped(t.std, {i, h, a});
  out["actions"] = shaped(t.actions, {i, n, h, a});
  return out;
}

/// Durations in ns of plans one after another, each a model step later, `warm_up` more before them.
py::array_t<std::int64_t> measure(MppiPlanner& self, const FloatArray& phi, const std::optional<FloatArray>& condition,
                                  const std::optional<FloatArray>& mixture, const std::optional<FloatArray>& reference,
                                  double seconds, std::uint32_t least, std::uint32_t warm_up) {
  PlanRequest r = request_of(self, phi, condition, mixture, reference, 0, 0);
  std::vector<std::int64_t> took;
  {
    const py::gil_scoped_release release;
    Plan p;
    const std::int64_t begun = planner::Clock::now();
    while (took.size() < warm_up + least || static_cast<double>(planner::Clock::now() - begun) < seconds * 1e9) {
      self.plan(r, 0, p);
      took.push_back(p.duration_ns);
      ++r.decision;
      r.t_ns += p.dt_ns;
    }
  }
  return py::array_t<std::int64_t>(static_cast<py::ssize_t>(took.size() - warm_up), took.data() + warm_up);
}

/// Operations a second of one core, by the instruction that the kernels use: the best of many short runs.
double measure_peak(const std::string& precision, double seconds) {
  const auto& kernels = kernels::batch_kernels(kernels::active_isa());
  const auto peak = kernels.peak[static_cast<int>(storage_of(precision))];
  const py::gil_scoped_release release;
  double best = 0;
  for (const std::int64_t begun = planner::Clock::now();
       static_cast<double>(planner::Clock::now() - begun) < seconds * 1e9;) {
    const std::int64_t start = planner::Clock::now();
    const double operations = peak(100'000);
    best = std::max(best, operations / (static_cast<double>(planner::Clock::now() - start) * 1e-9));
  }
  return best;
}

/// Seconds of one product of [rows][k] with a packed [k][n], each of `calls` times; random numbers.
py::array_t<double> time_gemm(const std::string& precision, std::uint32_t rows, std::uint32_t k, std::uint32_t n,
                              std::uint32_t calls) {
  using namespace kernels;
  const Storage storage = storage_of(precision);
  if (rows == 0 || n == 0 || k == 0 || k % per_word(storage)) {
    throw py::value_error("rows and n must be at least 1, k a multiple of " + std::to_string(per_word(storage)));
  }
  const BatchKernels& table = batch_kernels(active_isa());
  std::uint32_t state = 1;
  const auto random = [&] {
    return static_cast<float>((state = state * 1664525u + 1013904223u) >> 8) * 0x1p-24f - 0.5f;
  };
  AlignedVector<float> weight(std::size_t{k} * n), x(std::size_t{rows} * padded(k)), c(rows * (padded(n) + kPad));
  for (float& w : weight) w = random();
  for (float& v : x) v = random();
  const WeightBlock block{weight.data(), n};
  const PackedWeights packed = pack(storage, table.isa, k, {&block, 1});
  AlignedVector<std::uint32_t> words(rows * (padded(k) + kPad));
  AlignedVector<float> scale(rows), zero(rows), bias(packed.columns);
  RowArgs r;
  r.x = x.data();
  r.x_stride = padded(k);
  r.rows = rows;
  r.n = k;
  r.out = words.data();
  r.out_stride = padded(packed.words) + kPad;
  r.out_scale = scale.data();
  r.out_zero = zero.data();
  table.finish[static_cast<int>(storage)](r);
  GemmArgs g;
  g.weights = &packed;
  g.end = packed.words;
  g.a = words.data();
  g.a_stride = r.out_stride;
  g.a_scale = scale.data();
  g.a_zero = zero.data();
  g.rows = rows;
  g.bias = bias.data();
  g.c = c.data();
  g.c_stride = packed.columns + kPad;
  py::array_t<double> took(static_cast<py::ssize_t>(calls));
  double* out = took.mutable_data();
  const py::gil_scoped_release release;
  for (std::uint32_t i = 0; i < calls; ++i) {
    const std::int64_t begun = planner::Clock::now();
    table.gemm[static_cast<int>(storage)](g);
    out[i] = static_cast<double>(planner::Clock::now() - begun) * 1e-9;
  }
  return took;
}

py::dict report(const MppiPlanner& self) {
  const PrecisionReport& r = self.precision();
  py::dict out;
  out["requested"] = name(r.requested);
  out["used"] = name(r.used);
  out["states"] = r.states;
  out["rank_correlation"] = r.rank_correlation;
  out["action_difference"] = r.action_difference;
  out["message"] = r.message;
  return out;
}

}  // namespace
}  // namespace metaworld_rt::bindings

namespace metaworld_rt {

void bind_onnxruntime(pybind11::module_& m);

/// Both planners, and what belongs to them.
void bind_planner(pybind11::module_& m) {
  namespace py = pybind11;
  namespace b = bindings;
  py::class_<MppiPlanner, Planner, std::shared_ptr<MppiPlanner>>(
      m, "MppiPlanner", "The latent MPPI planner on the native engine (docs/bundle.md, \"The planner, exactly\").")
      .def(py::init(&b::from_bundle), py::arg("bundle"), py::kw_only(), py::arg("threads") = 1,
           py::arg("cpus") = std::vector<int>{}, py::arg("seed") = 0, py::arg("gate") = true,
           "Args:\n    bundle: with a world model.\n    threads: the caller's included; the plan does not depend on "
           "it.\n    cpus: CPU of the 2nd, 3rd, ... thread.\n    seed: of the noise.\n    gate: False runs low "
           "precision without checking it against fp32.\n    settings: any key of bundle.json's `planner`, in place "
           "of the bundle's value.\n\nRaises:\n    Error: no world model, or a network the batched planner cannot run.")
      .def_static("from_networks", &b::from_networks, py::arg("networks"), py::kw_only(), py::arg("vmin") = -10.0f,
                  py::arg("vmax") = 10.0f, py::arg("discount") = 0.99f, py::arg("decision_hz") = 50.0,
                  py::arg("calibration") = py::none(), py::arg("threads") = 1, py::arg("cpus") = std::vector<int>{},
                  py::arg("seed") = 0, py::arg("gate") = true,
                  "A planner without a bundle, for tests and benchmarks.\n\nArgs:\n    networks: ONNX bytes by name: "
                  "encoder, dynamics, reward, q0, q1, prior, optionally termination and expert0, expert1, ... (latent "
                  "heads).\n    calibration: float32[k, phi + c] states for the precision gate.")
      .def("plan", &b::plan, py::arg("phi"), py::kw_only(), py::arg("condition") = py::none(),
           py::arg("mixture") = py::none(), py::arg("reference") = py::none(), py::arg("t_ns") = 0,
           py::arg("decision") = 0, py::arg("budget_ns") = -1,
           "Plans one decision. `budget_ns` < 0: no deadline.\n\nReturns:\n    dict with action and std float32[H, n], "
           "finite, deadline_hit, iterations, samples, value, duration_ns.")
      .def("trace", &b::trace, py::arg("phi"), py::kw_only(), py::arg("condition") = py::none(),
           py::arg("mixture") = py::none(), py::arg("reference") = py::none(), py::arg("prior_noise") = py::none(),
           py::arg("expert_noise") = py::none(), py::arg("sample_noise"), py::arg("prev_mean") = py::none(),
           "Plans with the noise given: prior [H, P, n], expert [H, E, n], sample [I, H, N - P - E, n].\n\n"
           "Returns:\n    what plan() does, with values [I, N], elites [I, K], means and stds [I, H, n] and actions "
           "[I, N, H, n] of every iteration.")
      .def("measure", &b::measure, py::arg("phi"), py::kw_only(), py::arg("condition") = py::none(),
           py::arg("mixture") = py::none(), py::arg("reference") = py::none(), py::arg("seconds") = 1.0,
           py::arg("least") = 5, py::arg("warm_up") = 3,
           "Durations in ns of plans one after another, without Python between them.")
      .def("reset", &MppiPlanner::reset, "Forgets the warm start.")
      .def_property_readonly("precision", &b::report, "dict: what the low-precision gate found.")
      .def_property_readonly("kernel", &MppiPlanner::kernel, "The kernels that run, such as 'int8-vpdpbusd'.")
      .def_property_readonly("flop", &MppiPlanner::flop, "Operations of a whole plan, padding not counted.");
  m.def("time_gemm", &b::time_gemm, py::arg("precision"), py::arg("rows"), py::arg("k"), py::arg("n"), py::arg("calls"),
        "Seconds of each of `calls` products [rows, k] x [k, n] with the batched kernels, one thread.");
  m.def("measure_peak", &b::measure_peak, py::arg("precision"), py::arg("seconds") = 0.5,
        "Operations a second of one core with the instruction that the batched kernels use for this precision.");
  bind_onnxruntime(m);
}

}  // namespace metaworld_rt
