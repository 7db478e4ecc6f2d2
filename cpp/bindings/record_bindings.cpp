// Flight record and replay.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "metaworld_rt/bundle.hpp"
#include "metaworld_rt/flight_record.hpp"

namespace metaworld_rt::bindings {
namespace {

/// Keeps its controller alive, and is attached and detached only while nobody steps.
class Recorder {
 public:
  Recorder(std::shared_ptr<GuardedController> controller, const FlightOptions& options)
      : controller_(std::move(controller)) {
    const Stepping guard(*controller_);
    recorder_ = std::make_unique<FlightRecorder>(*controller_, options);
  }
  /// Never detaches under a running loop: then the ring is left to the process.
  ~Recorder() {
    if (controller_->busy.exchange(true, std::memory_order_acquire)) {
      (void)recorder_.release();
      return;
    }
    recorder_.reset();
    controller_->busy.store(false, std::memory_order_release);
  }
  void add_bundle(const std::shared_ptr<Bundle>& bundle) { recorder_->add_bundle(bundle); }
  void request_dump() noexcept { recorder_->request_dump(); }
  void stop() {
    const Stepping guard(*controller_);
    const py::gil_scoped_release release;
    recorder_->stop();
  }
  py::dict report() const {
    const FlightReport r = recorder_->report();
    py::dict out;
    out["records"] = r.records;
    out["dropped"] = r.dropped;
    out["file_bytes"] = r.file_bytes;
    out["faults"] = r.faults;
    py::list dumps;
    for (const auto& path : r.dumps) dumps.append(path.string());
    out["dumps"] = dumps;
    out["error"] = r.error;
    return out;
  }

 private:
  std::shared_ptr<GuardedController> controller_;
  std::unique_ptr<FlightRecorder> recorder_;
};

std::unique_ptr<Recorder> make_recorder(std::shared_ptr<GuardedController> controller,
                                        const std::filesystem::path& file, const std::filesystem::path& dump_folder,
                                        double dump_seconds, double after_seconds, std::uint64_t seed,
                                        const std::string& note) {
  FlightOptions options;
  options.file = file;
  options.dump_folder = dump_folder;
  options.dump_seconds = dump_seconds;
  options.after_seconds = after_seconds;
  options.seed = seed;
  options.note = note;
  return std::make_unique<Recorder>(std::move(controller), options);
}

py::object difference(const std::optional<Difference>& d) {
  if (!d) return py::none();
  py::dict out;
  out["tick"] = d->tick;
  out["t_ns"] = d->t_ns;
  out["field"] = d->field;
  out["name"] = d->name;
  out["recorded"] = d->recorded;
  out["replayed"] = d->replayed;
  return out;
}

py::dict replay(const std::filesystem::path& file, const std::vector<std::shared_ptr<Bundle>>& bundles) {
  const std::vector<std::shared_ptr<const Bundle>> list(bundles.begin(), bundles.end());
  ReplayReport r;
  {
    const py::gil_scoped_release release;
    r = replay_flight(file, list);
  }
  py::dict out;
  out["bit_identical"] = r.bit_identical();
  out["ticks"] = r.ticks;
  out["identical"] = r.identical;
  out["skipped"] = r.skipped;
  out["gaps"] = r.gaps;
  out["commands"] = r.commands;
  out["plans"] = r.plans;
  out["swaps"] = r.swaps;
  out["resets"] = r.resets;
  out["complete"] = r.complete;
  out["first_difference"] = difference(r.first);
  return out;
}

/// Columns of a flight, one entry a tick.
struct Columns {
  std::vector<std::int64_t> t_ns, observation_t_ns, plan_age_ns, semantic_age_ns, wakeup_ns, duration_ns;
  std::vector<std::uint32_t> missed, rungs, stage, generation;
  std::vector<std::uint8_t> mode, command_mode, plan_used, new_decision;
  std::vector<float> alpha, phase, action, mixture;
  std::vector<double> observation, q;
  std::size_t observation_size = 0, joints = 0, skills = 0;

  void add(const TickView& tick) {
    const TickHeader& h = tick.header;
    if (t_ns.empty()) {
      observation_size = h.observation_size;
      joints = h.joints;
      skills = h.skills;
    }
    t_ns.push_back(h.t_ns);
    observation_t_ns.push_back(h.observation_t_ns);
    plan_age_ns.push_back(h.plan_age_ns);
    semantic_age_ns.push_back(h.semantic_age_ns);
    wakeup_ns.push_back(h.wakeup_ns);
    duration_ns.push_back(h.duration_ns);
    missed.push_back(h.missed);
    rungs.push_back(h.rungs);
    stage.push_back(h.stage);
    generation.push_back(h.generation);
    mode.push_back(h.mode);
    command_mode.push_back(h.command_mode);
    plan_used.push_back(h.plan_used);
    new_decision.push_back(h.new_decision);
    alpha.push_back(h.alpha);
    phase.push_back(h.phase);
    put(observation, tick.observation, observation_size);
    put(q, tick.q, joints);
    put(action, tick.action, joints);
    put(mixture, tick.mixture, skills);  // a swap may change the number of skills
  }
  template <class T>
  static void put(std::vector<T>& column, const std::vector<T>& row, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) column.push_back(i < row.size() ? row[i] : T{});
  }
  template <class T>
  static py::array_t<T> table(const std::vector<T>& values, std::size_t width) {
    const std::size_t rows = width ? values.size() / width : 0;
    py::array_t<T> out({static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(width)});
    if (!values.empty()) std::memcpy(out.mutable_data(), values.data(), values.size() * sizeof(T));
    return out;
  }
  py::dict dict() const {
    py::dict out;
    const auto vector = [&](const char* key, const auto& v) { out[key] = copied(v.data(), v.size()); };
    vector("t_ns", t_ns);
    vector("observation_t_ns", observation_t_ns);
    vector("plan_age_ns", plan_age_ns);
    vector("semantic_age_ns", semantic_age_ns);
    vector("wakeup_ns", wakeup_ns);
    vector("duration_ns", duration_ns);
    vector("missed", missed);
    vector("rungs", rungs);
    vector("stage", stage);
    vector("generation", generation);
    vector("mode", mode);
    vector("command_mode", command_mode);
    vector("plan_used", plan_used);
    vector("new_decision", new_decision);
    vector("alpha", alpha);
    vector("phase", phase);
    out["observation"] = table(observation, observation_size);
    out["q"] = table(q, joints);
    out["action"] = table(action, joints);
    out["mixture"] = table(mixture, skills);
    return out;
  }
};

py::dict flight_ticks(const std::filesystem::path& file, std::uint64_t every) {
  if (every == 0) throw py::value_error("every must be at least 1");
  Columns columns;
  {
    const py::gil_scoped_release release;
    std::uint64_t i = 0;
    std::uint32_t rungs = 0, missed = 0;  // of the ticks left out: an event must not be lost
    read_flight(file, [&](const Record& record) {
      if (record.type != RecordType::tick) return;
      TickView tick = decode_tick(record.bytes);
      rungs |= tick.header.rungs;
      missed += tick.header.missed;
      if (i++ % every != 0) return;
      tick.header.rungs = std::exchange(rungs, 0u);
      tick.header.missed = std::exchange(missed, 0u);
      columns.add(tick);
    });
  }
  return columns.dict();
}

/// What went into a controller between its ticks, from the first keyframe on: what running the episode again needs.
py::list flight_events(const std::filesystem::path& file) {
  py::list out;
  std::uint64_t tick = 0;
  bool begun = false;
  const auto add = [&](const char* kind, py::object value) {
    out.append(py::make_tuple(tick, kind, std::move(value)));
  };
  read_flight(file, [&](const Record& record) {
    if (!begun && record.type != RecordType::keyframe) {
      tick += record.type == RecordType::tick;
      return;
    }
    switch (record.type) {
      case RecordType::tick: {
        const TickHeader h = decode_tick(record.bytes).header;
        if (h.timed && h.missed > 0) add("missed", py::int_(h.missed));
        if (h.stop) add("stop", py::none());
        if (h.rearm) add("rearm", py::none());
        ++tick;
        break;
      }
      case RecordType::keyframe:
        if (!begun) add("keyframe", py::bytes(reinterpret_cast<const char*>(record.bytes.data()), record.bytes.size()));
        begun = true;
        break;
      case RecordType::command:
        add("command", py::cast(decode_command(record.bytes)));
        break;
      case RecordType::plan:
        add("plan", py::none());
        break;
      case RecordType::tick_plan:
        add("tick_plan", py::none());
        break;
      case RecordType::swap:
        add("swap", py::str(decode_swap(record.bytes).digest));
        break;
      case RecordType::reset:
        add("reset", py::none());
        break;
    }
  });
  return out;
}

void restore(GuardedController& controller, const std::string& keyframe) {
  const Stepping guard(controller);
  controller.restore(std::as_bytes(std::span(keyframe.data(), keyframe.size())));
}

}  // namespace

void bind_record(py::module_& m) {
  py::list rungs;
  for (std::size_t i = 0; i < kRungs; ++i) rungs.append(name(static_cast<Rung>(i)));
  m.attr("RUNGS") = py::tuple(rungs);  // in the order of the bits of a flight's `rungs`
  py::class_<Recorder>(m, "FlightRecorder",
                       "Records a controller: an MCAP file, dumps of the last seconds at a fault, or both.\n\n"
                       "The loop writes into a ring of constant memory; a thread that is not real-time drains it. "
                       "Opens in Foxglove; replay() runs it again.")
      .def(py::init(&make_recorder), py::arg("controller"), py::arg("file") = "", py::arg("dump_folder") = "",
           py::arg("dump_seconds") = 5.0, py::arg("after_seconds") = 0.5, py::arg("seed") = 0, py::arg("note") = "",
           "Args:\n    controller: not being stepped now.\n    file: everything goes here; empty: no continuous "
           "record.\n    dump_folder: fault-N-RUNG.mcap files go here; empty: none.\n    dump_seconds: before a "
           "fault, at least, 0.1..60.\n    after_seconds: and after it.\n    seed, note: kept in the file.\n\nRaises:\n"
           "    Error: the file cannot be written, or neither file nor folder is given.\n    RuntimeError: the "
           "controller is being stepped.")
      .def("add_bundle", &Recorder::add_bundle, py::arg("bundle"),
           "A bundle that may be swapped in; call it before Controller.swap.")
      .def("request_dump", &Recorder::request_dump, "Writes a dump after after_seconds, whatever the ladder says.")
      .def("stop", &Recorder::stop,
           "Detaches, drains the rest and closes the files.\n\nRaises:\n    RuntimeError: the controller is being "
           "stepped; stop the loop first.")
      .def("report", &Recorder::report,
           "dict: records, dropped, file_bytes, faults, dumps, error. Complete after stop().");

  m.def("flight_information", &flight_information, py::arg("file"),
        "dict[str, str]: what a flight file says about itself.\n\nRaises:\n    Error: it is not one.");
  m.def("flight_ticks", &flight_ticks, py::arg("file"), py::arg("every") = 1,
        "dict of numpy columns, one entry a tick (every k-th; rungs and missed of the others are kept).\n\n"
        "Raises:\n    Error: the file is not a flight, or damaged.");
  m.def(
      "flight_events", &flight_events, py::arg("file"),
      "What went in between the ticks, from the first keyframe on: list of (tick, kind, value): the event came before "
      "that row of flight_ticks(). Kinds: keyframe (bytes, once), command (SkillCommand), swap (digest), "
      "missed (int), and with None plan, tick_plan, stop, rearm, reset.\n\n"
      "Raises:\n    Error: the file is not a flight, or damaged.");
  m.def("restore", &restore, py::arg("controller"), py::arg("keyframe"),
        "Continues from a keyframe of a flight made with the same bundle and build.\n\nRaises:\n    Error: it is not "
        "such a keyframe.");
  m.def("replay", &replay, py::arg("file"), py::arg("bundles"),
        "Runs a flight's inputs again and compares every output bit for bit.\n\nReturns:\n    dict: bit_identical, "
        "ticks, identical, skipped, gaps, commands, plans, swaps, resets, complete, first_difference.\n\nRaises:\n"
        "    Error: a bundle is missing, the instruction set differs, or the file is not a flight.");
}

}  // namespace metaworld_rt::bindings
