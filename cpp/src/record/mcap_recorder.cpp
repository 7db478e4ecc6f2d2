// FlightRecorder: ring, drain, black box and files put together.
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <mutex>

#include "metaworld_rt/flight_record.hpp"
#include "record/mcap_black_box.hpp"
#include "record/mcap_schemas.hpp"
#include "record/mcap_sink.hpp"

namespace metaworld_rt {

using namespace record;

namespace {

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

Metadata describe(const Bundle& bundle, const ControllerOptions& controller, const FlightOptions& options) {
  std::string joints, skills, observation;
  for (const std::string& j : bundle.robot.joints) joints += (joints.empty() ? "" : ",") + j;
  for (const Expert& e : bundle.experts) skills += (skills.empty() ? "" : ",") + e.name;
  for (const ObservationTerm& t : bundle.observation)
    observation += (observation.empty() ? "" : ",") + t.name + ":" + std::to_string(t.size);
  char alpha[40];
  std::snprintf(alpha, sizeof alpha, "%.9g", static_cast<double>(controller.alpha));
  return {{"schema", "metaworld_rt.flight/1"},
          {"started", utc_now()},
          {"clock", "t_ns of Controller::step; log times are that clock, not UTC"},
          {"bundle", bundle.name},
          {"bundle_version", bundle.version},
          {"bundle_digest", bundle.digest},
          {"robot", bundle.robot.name},
          {"isa", isa_of(bundle)},
          {"seed", std::to_string(options.seed)},
          {"note", options.note},
          {"joints", joints},
          {"skills", skills},
          {"observation", observation},
          {"tick_hz", std::to_string(bundle.tick_hz)},
          {"decision_hz", std::to_string(bundle.decision_hz)},
          {"alpha", alpha},
          {"use_semantic", controller.use_semantic ? "1" : "0"},
          {"use_gate", controller.use_gate ? "1" : "0"},
          {"planned_skills_only", controller.planned_skills_only ? "1" : "0"},
          {"sensor_checks", controller.sensor_checks ? "1" : "0"}};
}

void check(const FlightOptions& o) {
  if (o.file.empty() && o.dump_folder.empty()) throw Error("flight record: give a file, a dump folder, or both");
  if (!(o.dump_seconds >= 0.1 && o.dump_seconds <= 60.0)) throw Error("flight record: dump_seconds must be 0.1..60");
  if (!(o.after_seconds >= 0.0 && o.after_seconds <= 60.0)) throw Error("flight record: after_seconds must be 0..60");
  std::error_code ignored;
  if (!o.dump_folder.empty() && !std::filesystem::is_directory(o.dump_folder, ignored))
    throw Error("flight record: there is no folder " + o.dump_folder.string() + " for the dumps; make it first");
}

}  // namespace

struct FlightRecorder::Impl final : RecordSink {
  Impl(Controller& c, const FlightOptions& o)
      : controller(c),
        options(o),
        bundle(c.bundle()),
        information(describe(*bundle, c.options(), o)),
        box(static_cast<std::uint64_t>(std::ceil((o.dump_seconds + o.after_seconds) * bundle->tick_hz))),
        after_ticks(static_cast<std::uint64_t>(o.after_seconds * bundle->tick_hz)),
        ring(o.ring_bytes) {
    book[bundle->digest] = bundle;
    if (!o.file.empty()) file = std::make_unique<McapSink>(o.file, bundle, information);
  }

  Controller& controller;
  const FlightOptions options;
  std::shared_ptr<const Bundle> bundle;
  const Metadata information;
  BlackBox box;
  const std::uint64_t after_ticks;
  RecordRing ring;
  std::unique_ptr<McapSink> file;
  std::atomic<bool> dump_wanted{false};
  std::string pending;              // why a dump is due; empty: none is
  std::uint64_t pending_ticks = 0;  // still to come before it is written

  mutable std::mutex mutex;  // of the report and the book; neither the loop nor the ring takes it
  FlightReport report;
  BundleBook book;
  bool new_bundle = false;
  std::unique_ptr<RecordDrain> drain;

  // --- the drain's thread ---
  void write(const Record& record) override {
    const std::lock_guard lock(mutex);
    take_bundles();
    if (file) guarded([&] { file->write(record); }, true);
    ++report.records;
    if (options.dump_folder.empty()) return;
    box.write(record);
    if (record.type == RecordType::tick) watch(record.bytes);
  }
  void flush() override {
    const std::lock_guard lock(mutex);
    if (!pending.empty()) dump();
    if (file) guarded([&] { file->close(); }, true);
  }
  void take_bundles() {
    if (!new_bundle) return;
    new_bundle = false;
    if (file) file->set_book(book);
  }
  /// A disk that fails ends the file, not the recording in memory.
  template <class F>
  void guarded(F&& action, bool of_file) {
    try {
      action();
      if (of_file) report.file_bytes = file->bytes();
    } catch (const Error& e) {
      if (report.error.empty()) report.error = e.what();
      if (of_file) file.reset();
    }
  }
  void watch(std::span<const std::byte> bytes) {
    TickHeader header;
    if (bytes.size() < sizeof header) return;
    std::memcpy(&header, bytes.data(), sizeof header);
    const std::uint32_t hit = header.rungs & options.dump_on;
    const bool wanted = dump_wanted.exchange(false, std::memory_order_relaxed);
    if (pending.empty() && (hit != 0 || wanted)) {
      ++report.faults;
      if (report.dumps.size() < options.max_dumps) {
        pending = hit != 0 ? name(static_cast<Rung>(std::countr_zero(hit))) : "requested";
        pending_ticks = after_ticks;
        return;
      }
    }
    if (!pending.empty() && pending_ticks-- == 0) dump();
  }
  void dump() {
    const std::filesystem::path path =
        options.dump_folder / ("fault-" + std::to_string(report.dumps.size() + 1) + "-" + pending + ".mcap");
    guarded(
        [&] {
          McapSink sink(path, bundle, information);
          sink.set_book(book);
          box.replay(sink);
          sink.close();
          report.dumps.push_back(path);
        },
        false);
    pending.clear();
  }
};

FlightRecorder::FlightRecorder(Controller& controller, const FlightOptions& options) {
  check(options);
  impl_ = std::make_unique<Impl>(controller, options);
  impl_->drain = std::make_unique<RecordDrain>(impl_->ring, *impl_);
  controller.set_recorder(&impl_->ring);
}

FlightRecorder::~FlightRecorder() { stop(); }

void FlightRecorder::add_bundle(std::shared_ptr<const Bundle> bundle) {
  if (!bundle) return;
  const std::lock_guard lock(impl_->mutex);
  impl_->book[bundle->digest] = std::move(bundle);
  impl_->new_bundle = true;
}

void FlightRecorder::request_dump() noexcept { impl_->dump_wanted.store(true, std::memory_order_relaxed); }

void FlightRecorder::stop() {
  if (!impl_->drain) return;
  impl_->controller.set_recorder(nullptr);
  impl_->drain->stop();
  const std::lock_guard lock(impl_->mutex);
  if (impl_->report.error.empty()) impl_->report.error = impl_->drain->error();
  impl_->drain.reset();
}

FlightReport FlightRecorder::report() const {
  const std::lock_guard lock(impl_->mutex);
  FlightReport out = impl_->report;
  out.dropped = impl_->ring.dropped();
  return out;
}

}  // namespace metaworld_rt
