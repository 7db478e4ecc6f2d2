// The flight record on disk: MCAP files written off the loop, a dump of the last seconds at a fault, and the replay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "metaworld_rt/controller.hpp"
#include "metaworld_rt/record.hpp"

namespace metaworld_rt {

constexpr std::uint32_t rung_bit(Rung rung) noexcept { return 1u << static_cast<unsigned>(rung); }

struct FlightOptions {
  std::filesystem::path file;         ///< everything goes here; empty: no continuous record
  std::filesystem::path dump_folder;  ///< fault-N-RUNG.mcap files go here; empty: no dumps
  double dump_seconds = 5.0;          ///< before the fault, at least; 0.1..60
  double after_seconds = 0.5;         ///< and after it; 0..60
  std::uint32_t dump_on = rung_bit(Rung::controlled_stop) | rung_bit(Rung::output_rejected);
  unsigned max_dumps = 16;            ///< further faults are counted and not dumped: a disk is finite
  std::size_t ring_bytes = 8u << 20;  ///< about 8 s of an H1 at 1 kHz while the drain gets no time
  std::uint64_t seed = 0;             ///< kept in the file: whatever the run was seeded with
  std::string note;                   ///< kept in the file: the instruction, say
};

struct FlightReport {
  std::uint64_t records = 0;  ///< written to the continuous file or seen by the black box
  std::uint64_t dropped = 0;  ///< the ring had no room: the drain was starved for seconds
  std::uint64_t file_bytes = 0;
  std::uint64_t faults = 0;                  ///< triggers seen
  std::vector<std::filesystem::path> dumps;  ///< written
  std::string error;                         ///< of the disk; empty if all went well. Recording in memory goes on
};

/// Records one controller: attaches a ring to it and drains that on a thread of its own (not real-time).
///
/// The file is MCAP with one channel a record type (/mwrt/tick, ...; raw little-endian bytes, laid out as the channel's
/// schema says) for the replay, and JSON channels for people, which Foxglove shows: /joints, /status, /ladder, /tf.
class FlightRecorder {
 public:
  /// Attach before the first step, or while nobody steps. `controller` must outlive it.
  /// Throws Error if the file cannot be made, or the options say nothing to do.
  FlightRecorder(Controller& controller, const FlightOptions& options);
  ~FlightRecorder();  ///< stop()
  FlightRecorder(const FlightRecorder&) = delete;
  FlightRecorder& operator=(const FlightRecorder&) = delete;

  /// A bundle that may be swapped in: its skills' names go into the file. Any thread, before Controller::swap().
  void add_bundle(std::shared_ptr<const Bundle> bundle);
  /// Writes a dump after `after_seconds`, whatever the rungs say. Any thread.
  void request_dump() noexcept;
  /// Detaches from the controller, drains the rest and closes the files. While nobody steps.
  void stop();
  /// Complete after stop().
  FlightReport report() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What a file says about itself ("metaworld_rt.flight" metadata): bundle, digest, isa, seed, note, joints, skills, ...
std::map<std::string, std::string> flight_information(const std::filesystem::path& file);

/// Calls `visit` for every record of a flight in order. Throws Error if the file is not one, or is damaged.
/// Returns whether the file has its end mark (a crash leaves none; everything before is there).
bool read_flight(const std::filesystem::path& file, const std::function<void(const Record&)>& visit);

/// Where a replay differed first.
struct Difference {
  std::uint64_t tick = 0;
  std::int64_t t_ns = 0;
  std::string field;  ///< q, action, mixture, mode, command_mode, decision, rungs or generation
  std::string name;   ///< of the joint, skill or rung; empty for a scalar
  double recorded = 0.0, replayed = 0.0;
};

struct ReplayReport {
  std::uint64_t ticks = 0;      ///< compared
  std::uint64_t identical = 0;  ///< bit for bit, in every field
  std::uint64_t skipped = 0;    ///< before the first keyframe, or after a gap until the next
  std::uint64_t gaps = 0;       ///< records that the ring dropped, in places
  std::uint64_t commands = 0, plans = 0, swaps = 0, resets = 0;
  bool complete = false;  ///< the file has its end mark
  std::optional<Difference> first;
  bool bit_identical() const noexcept { return ticks > 0 && identical == ticks; }
};

/// Runs the recorded inputs (observations, times, commands, plans, swaps, requests) through a controller again and
/// compares every output bit for bit. `bundles`: the one recorded with, and those that were swapped in.
/// Throws Error if a bundle is missing (the digest is named), if this machine's or build's kernels are for another
/// instruction set than the recorded ones, or if the file is not a flight.
ReplayReport replay_flight(const std::filesystem::path& file, std::span<const std::shared_ptr<const Bundle>> bundles);

}  // namespace metaworld_rt
