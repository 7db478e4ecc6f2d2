// A loaded bundle: everything a controller needs, checked once and constant from then on. Schema: docs/bundle.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metaworld_rt/error.hpp"
#include "metaworld_rt/network.hpp"
#include "metaworld_rt/types.hpp"

namespace metaworld_rt {

/// Arrays are per joint, in `joints` order, all of the same length n in 1..kMaxJoints.
struct Robot {
  std::string name;
  std::vector<std::string> joints;
  std::vector<double> default_pos, lower, upper;  ///< rad
  std::vector<double> stiffness, damping;         ///< N m/rad, N m s/rad
  std::vector<double> max_force;                  ///< N m
  std::size_t size() const noexcept { return joints.size(); }
};

/// What the host passes to step(). Required: the first six.
enum class ObservationKind : std::uint8_t {
  base_pos = 0,
  base_quat,
  joint_pos,
  base_lin_vel,
  base_ang_vel,
  joint_vel,
  left_hand_pos,
  right_hand_pos,
  goal_pos,
  door,
  door_present,
  count
};

struct ObservationTerm {
  ObservationKind kind{};
  std::string name;
  std::uint32_t size = 0;
  std::uint32_t offset = 0;  ///< in the flat observation
};

/// The feature vocabulary of docs/bundle.md.
enum class FeatureKind : std::uint8_t {
  height = 0,
  gravity,
  heading,
  lin_vel,
  ang_vel,
  joint_pos,
  joint_vel,
  prev_action,
  phase,
  speed,
  hand_to_goal,
  base_to_goal,
  base_xy,
  door,
  door_present,
  left_hand,
  right_hand,
  count
};

struct Feature {
  FeatureKind kind{};
  std::string name;
  std::uint32_t size = 0;
  std::uint32_t offset = 0;  ///< in phi
  float scale = 1.0f;
};

struct Limits {
  std::vector<double> command_rate;  ///< rad/s per joint
  std::vector<double> stop_damping;  ///< N m s/rad per joint
  double plan_max_age_ms = 200, observation_max_age_ms = 60, observation_frozen_ms = 100;
  std::uint32_t missed_deadlines_stop = 20;
  double weight_slew_per_s = 4.0;
};

struct Expert {
  std::string name, description, file;
  Network network;                ///< phi -> a
  double phase_period_s = 0.0;    ///< 0: no gait phase
  std::optional<Network> latent;  ///< z -> a
  bool planned = true;            ///< the planner is for it: it plans where no other skill is commanded
};

/// Whether an expert can take over from a state: a switch of skills waits for it, but not for ever.
struct Handover {
  Network network;       ///< phi -> logits over experts: sigmoid is how likely each is to manage from here
  float ready = 0.9f;    ///< that likely is ready
  double wait_ms = 0.0;  ///< at the longest
};

/// Networks take their inputs in the order that is named here; c is left out where `condition` is 0.
struct WorldModel {
  std::uint32_t latent = 0, simnorm = 0, bins = 0, condition = 0;
  float vmin = 0.0f, vmax = 0.0f;  ///< of the bins, in symlog space
  float discount = 0.99f;
  Network encoder;                     ///< phi, c -> z
  Network dynamics;                    ///< z, a, c -> z
  Network reward;                      ///< z, a, c -> logits[bins]
  std::vector<Network> q;              ///< z, a, c -> logits[bins]
  Network prior;                       ///< z, c -> mean[n], log_std[n]
  std::optional<Network> termination;  ///< z, c -> logit
  std::string plan_file;               ///< "" if there is none; the native engine does not read it
};

enum class QReduction : std::uint8_t { mean = 0, min };
/// `automatic`: the fastest of this machine that the planner's gate lets pass.
enum class Precision : std::uint8_t { fp32 = 0, bf16, int8, int16, automatic };

struct PlannerSettings {
  std::uint32_t horizon = 3, samples = 512, iterations = 6, elites = 64;
  std::uint32_t prior_trajectories = 24, expert_trajectories = 8;
  float temperature = 0.5f, min_std = 0.05f, max_std = 2.0f, guidance = 1.0f;
  QReduction q_reduction = QReduction::mean;
  Precision precision = Precision::fp32;
  double deadline_ms = 15.0;
  float action_tolerance = 0.02f;
};

/// One line of "files".
struct BundleFile {
  std::uint64_t bytes = 0;
  std::string sha256;  ///< 64 lower-case hex digits
};

/// One case of selftest.bin, already replayed when the bundle is in your hands.
struct SelfTestCase {
  std::string file;
  std::vector<float> inputs, outputs;
};

/// Immutable: shared as std::shared_ptr<const Bundle>, safe from any thread.
struct Bundle {
  std::string name, version, licence;
  std::string digest;  ///< SHA-256 of bundle.json, which names all other digests: the bundle's identity
  Robot robot;
  std::vector<ObservationTerm> observation;
  std::uint32_t observation_size = 0;
  std::vector<double> action_scale;  ///< rad per unit of normalised action
  bool interpolate = false;          ///< between decisions: false holds the target
  double tick_hz = 1000.0, decision_hz = 50.0;
  Limits limits;
  std::vector<Feature> features;
  std::uint32_t feature_size = 0;
  std::vector<Expert> experts;       ///< 1..kMaxSkills
  std::uint32_t safe_skill = 0;      ///< index into experts
  std::optional<Network> gate;       ///< phi, c -> logits over experts; absent: the command alone decides
  std::uint32_t gate_condition = 0;  ///< size of its c: 0, or the number of experts
  std::optional<Handover> handover;  ///< absent: a command's skill takes over at once
  float alpha = 0.7f;
  double semantic_ttl_ms = 5000.0, fade_ms = 1000.0;
  std::optional<WorldModel> world_model;
  std::optional<PlannerSettings> planner;  ///< set only if world_model is
  std::vector<float> calibration;          ///< row-major [calibration_rows][feature_size + condition]
  std::uint32_t calibration_rows = 0;
  std::vector<SelfTestCase> selftest;
  std::string provenance;  ///< JSON text, as in the file
  std::map<std::string, BundleFile> files;

  /// The term of that kind, or nullptr. Real-time safe.
  const ObservationTerm* find(ObservationKind kind) const noexcept;
};

/// Names as in bundle.json ("base_pos", ...). Static storage, rt-safe.
const char* name(ObservationKind kind) noexcept;
const char* name(FeatureKind kind) noexcept;
/// As in bundle.json: "fp32", "bf16", "int8", "int16", "auto".
const char* name(Precision precision) noexcept;
std::optional<Precision> precision_named(std::string_view name) noexcept;

/// Loads a folder or a stored (uncompressed) zip, checks everything in it and replays the self-test.
/// Load time only. Throws Error with one line naming the file and the key; nothing is kept then.
std::shared_ptr<const Bundle> load_bundle(const std::filesystem::path& path);

/// The same from the bytes of a stored zip. `name` is used in messages.
std::shared_ptr<const Bundle> load_bundle_memory(std::span<const std::byte> zip, std::string_view name = "bundle");

}  // namespace metaworld_rt
