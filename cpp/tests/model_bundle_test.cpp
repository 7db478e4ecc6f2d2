// Loading a bundle: the toy bundle as it is, and every way to spoil it. Each must give one error that names the place.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "check.hpp"
#include "metaworld_rt/bundle.hpp"
#include "model/sha256.hpp"
#include "model_graph.hpp"
#include "temporary_folder.hpp"
#include "zip_builder.hpp"

namespace fs = std::filesystem;
namespace mw = metaworld_rt;
using toy::GraphBuilder;

namespace {

const fs::path kToy = fs::path(MWRT_TEST_DATA_DIR) / "toy_bundle";

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write(const fs::path& path, const std::string& data) { std::ofstream(path, std::ios::binary) << data; }

/// A copy of the toy bundle that a test may spoil.
class Copy {
 public:
  Copy() { fs::copy(kToy, folder(), fs::copy_options::recursive); }
  fs::path folder() const { return temporary_.path / "bundle"; }

  /// Replaces the first `from` in bundle.json and takes the seal off, as a person with an editor would.
  Copy& edit(const std::string& from, const std::string& to) {
    std::string text = read(folder() / "bundle.json");
    const std::size_t at = text.find(from);
    if (at == std::string::npos) check::report(__FILE__, __LINE__, "bundle.json has no " + from);
    text.replace(at, from.size(), to);
    unseal(text);
    write(folder() / "bundle.json", text);
    return *this;
  }
  /// Replaces a file and its entry in bundle.json: the checksum is right, the content is not.
  Copy& put(const std::string& name, const std::string& data) {
    write(folder() / name, data);
    std::string text = read(folder() / "bundle.json");
    std::size_t at = text.find('"' + name + "\": {");
    at = text.find("\"bytes\": ", at) + 9;
    text.replace(at, text.find(',', at) - at, std::to_string(data.size()));
    at = text.find("\"sha256\": \"", at) + 11;
    text.replace(at, 64, mw::model::sha256_hex({reinterpret_cast<const std::byte*>(data.data()), data.size()}));
    unseal(text);
    write(folder() / "bundle.json", text);
    return *this;
  }
  Copy& put(const std::string& name, const std::vector<std::byte>& data) {
    return put(name, std::string(reinterpret_cast<const char*>(data.data()), data.size()));
  }
  std::shared_ptr<const mw::Bundle> load() const { return mw::load_bundle(folder()); }
  void refused(const std::string& message) const { CHECK_THROWS(load(), message); }

 private:
  static void unseal(std::string& text) {
    const std::size_t seal = text.rfind(",\n \"sha256\": \"");
    if (seal != std::string::npos && text.find('}', seal) > text.rfind('"')) text.erase(seal, 14 + 64 + 1);
  }
  TemporaryFolder temporary_;
};

std::string zip_of(const fs::path& folder, const std::function<void(toy::ZipBuilder::Entry&)>& spoil = nullptr) {
  toy::ZipBuilder zip;
  for (const auto& e : fs::recursive_directory_iterator(folder)) {
    if (!e.is_regular_file()) continue;
    toy::ZipBuilder::Entry entry{.name = fs::relative(e.path(), folder).generic_string(), .data = read(e.path())};
    if (spoil) spoil(entry);
    zip.add(entry);
  }
  return zip.build();
}
std::shared_ptr<const mw::Bundle> load_zip(const std::string& zip) {
  return mw::load_bundle_memory({reinterpret_cast<const std::byte*>(zip.data()), zip.size()}, "toy.zip");
}

/// An expert for the toy's robot whose one node is `op`.
GraphBuilder expert(std::size_t phi, std::size_t joints, const std::string& names) {
  return GraphBuilder()
      .input("phi", phi)
      .weights("w", {phi, joints}, std::vector<float>(phi * joints, 0.01f))
      .node("Gemm", {"phi", "w"}, {"action"})
      .output("action", joints)
      .metadata("joint_names", names);
}
std::string joint_names() {
  const auto bundle = mw::load_bundle(kToy);
  std::string names;
  for (const auto& j : bundle->robot.joints) names += (names.empty() ? std::string() : ",") + j;
  return names;
}

}  // namespace

TEST_CASE("bundle: the toy loads from a folder, a zip file and memory, and says what is in it") {
  const auto b = mw::load_bundle(kToy);
  CHECK_EQ(b->name, "toy");
  CHECK_EQ(b->robot.size(), 19u);
  CHECK_EQ(b->observation_size, 51u);
  CHECK_EQ(b->find(mw::ObservationKind::joint_vel)->offset, 32u);
  CHECK(b->find(mw::ObservationKind::door) == nullptr);
  CHECK_EQ(b->features.size(), 10u);
  CHECK_EQ(b->features[1].name, "gravity");
  CHECK_EQ(b->features[1].offset, 1u);
  CHECK_EQ(b->features[3].scale, 0.5f);
  CHECK_EQ(b->feature_size, 73u);
  CHECK_EQ(b->experts.size(), 3u);
  CHECK_EQ(b->experts[1].name, "walk");
  CHECK_EQ(b->experts[1].phase_period_s, 0.7);
  CHECK_EQ(b->experts[0].phase_period_s, 0.0);
  CHECK(b->experts[2].latent.has_value());
  CHECK(b->gate.has_value());
  CHECK_EQ(b->gate_condition, 3u);
  CHECK_EQ(b->safe_skill, 0u);
  CHECK_EQ(b->world_model->q.size(), 2u);
  CHECK(!b->world_model->termination.has_value());
  CHECK_EQ(b->world_model->plan_file, "wm/plan.onnx");
  CHECK_EQ(b->planner->elites, 16u);
  CHECK_EQ(b->calibration_rows, 8u);
  CHECK(b->provenance.find("write_toy_bundle") != std::string::npos);
  CHECK(b->selftest.size() >= 10u);
  CHECK_EQ(b->digest.size(), 64u);

  const std::string zip = zip_of(kToy);
  CHECK_EQ(load_zip(zip)->digest, b->digest);
  const TemporaryFolder temporary;
  write(temporary.path / "toy.zip", zip);
  CHECK_EQ(mw::load_bundle(temporary.path / "toy.zip")->digest, b->digest);
}

TEST_CASE("bundle: without world model, gate and planner it loads too") {
  Copy c;
  c.edit("\"gate\":", "\"provenance\": {}, \"gate\":").edit("\"provenance\": {}, ", "");  // the helper works both ways
  CHECK_EQ(c.load()->name, "toy");
  c.edit("\"gate\": {\n  \"file\": \"gate.onnx\",\n  \"condition\": 3\n }", "\"gate\": null");
  c.refused("selftest.bin: gate.onnx is not one of the bundle's networks");
}

TEST_CASE("bundle: the planner is for all skills, or for those that are named") {
  Copy c;
  const auto all = c.load();
  for (const mw::Expert& expert : all->experts) CHECK(expert.planned);
  c.edit("\"guidance\": 0.3", "\"guidance\": 0.3, \"skills\": [\"walk\"]");
  const auto b = c.load();
  CHECK(!b->experts[0].planned);
  CHECK(b->experts[1].planned);
}

TEST_CASE("bundle: missing things") {
  CHECK_THROWS(mw::load_bundle("/nowhere/at/all"), "/nowhere/at/all: there is no such file or folder");
  const TemporaryFolder empty;
  CHECK_THROWS(mw::load_bundle(empty.path), "bundle.json: is missing");
  write(empty.path / "file", "not a zip");
  CHECK_THROWS(mw::load_bundle(empty.path / "file"), "not a zip file");
  Copy c;
  fs::remove(c.folder() / "experts/walk.onnx");
  c.refused("experts/walk.onnx: is missing");
}

TEST_CASE("bundle: another version") {
  Copy()
      .edit("metaworld_rt.bundle/1", "metaworld_rt.bundle/2")
      .refused("bundle.json: schema: metaworld_rt.bundle/2 is not");
}

TEST_CASE("bundle: cut files") {
  for (const char* name : {"bundle.json", "experts/walk.onnx", "selftest.bin", "calibration.bin"}) {
    Copy c;
    const std::string data = read(c.folder() / name);
    write(c.folder() / name, data.substr(0, data.size() / 2));
    c.refused(name);
  }
  const std::string zip = zip_of(kToy);
  for (std::size_t size = 0; size < zip.size(); size += 1 + zip.size() / 400) {
    CHECK_THROWS(load_zip(zip.substr(0, size)), "toy.zip: ");
  }
}

TEST_CASE("bundle: one flipped bit anywhere is found, in a folder and in a zip") {
  for (const auto& e : fs::recursive_directory_iterator(kToy)) {
    if (!e.is_regular_file()) continue;
    const std::string name = fs::relative(e.path(), kToy).generic_string();
    const std::string data = read(e.path());
    const std::size_t step = name == "bundle.json" ? 13 : 1 + data.size() / 3;
    Copy c;
    for (std::size_t i = 0; i < data.size(); i += step) {
      std::string damaged = data;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
      write(c.folder() / name, damaged);
      c.refused(name == "bundle.json" ? "bundle" : name);
    }
  }
  const std::string zip = zip_of(kToy);
  for (std::size_t i = 0; i < zip.size(); i += 1 + zip.size() / 300) {
    std::string damaged = zip;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    try {
      // A few bytes of a zip (dates, versions) mean nothing to us: then the bundle must be the very same.
      CHECK_EQ(load_zip(damaged)->digest, mw::load_bundle(kToy)->digest);
    } catch (const mw::Error&) {
    }
  }
}

TEST_CASE("bundle: every setting out of its range is refused by key") {
  const std::pair<std::pair<const char*, const char*>, const char*> cases[] = {
      {{"\"name\": \"toy\"", "\"name\": \"\""}, "bundle.json: name: must have 1 to 64 bytes"},
      {{"\"name\": \"toy\"", "\"nome\": \"toy\""}, "unknown key nome"},
      {{"\"licence\": \"MIT\",", ""}, "licence: is missing"},
      {{"\"left_hip_roll\"", "\"left_hip_yaw\""}, "the joint left_hip_yaw stands twice"},
      {{"\"left_hip_yaw\",", ""}, "robot.lower: must have 18 elements, it has 19"},
      {{"\"lower\": [\n   -0.43", "\"lower\": [\n   0.5"}, "left_hip_yaw: the lower limit is not below"},
      {{"\"default_pos\": [\n   0.0", "\"default_pos\": [\n   0.44"}, "default position is outside the limits"},
      {{"\"default_pos\": [\n   0.0", "\"default_pos\": [\n   \"0\""},
       "robot.default_pos[0]: must be a number, it is a string"},
      {{"\"name\": \"base_pos\"", "\"name\": \"base_vel\""}, "observation[0]: unknown name base_vel"},
      {{"\"size\": 4", "\"size\": 3"}, "base_quat has size 4"},
      {{"\"tick_hz\": 1000", "\"tick_hz\": 0"}, "rates.tick_hz: 0 is not in"},
      {{"\"decision_hz\": 50", "\"decision_hz\": 2000"}, "rates.decision_hz: is above tick_hz"},
      {{"\"hold\"", "\"jump\""}, "action.between_decisions: must be hold or interpolate"},
      {{"\"missed_deadlines_stop\": 20", "\"missed_deadlines_stop\": 2.5"}, "must be a whole number"},
      {{"\"missed_deadlines_stop\": 20", "\"missed_deadlines_stop\": 0"}, "limits.missed_deadlines_stop: 0 is not in"},
      {{"\"name\": \"height\"", "\"name\": \"weight\""}, "features[0]: unknown name weight"},
      {{"\"name\": \"height\"", "\"name\": \"door_present\""}, "needs the observation term door_present"},
      {{"\"name\": \"heading\"", "\"name\": \"gravity\""}, "gravity stands twice"},
      {{"\"name\": \"stand\"", "\"name\": \"walk\""}, "experts[1].name: walk stands twice"},
      {{"\"safe_skill\": \"stand\"", "\"safe_skill\": \"fly\""}, "safe_skill: is not one of the experts"},
      {{"\"phase_period_s\": 0.7", "\"phase_period_s\": -1"}, "phase_period_s: -1 is not in"},
      {{"\"alpha\": 0.7", "\"alpha\": 1.1"}, "fusion.alpha: 1.1 is not in 0..1"},
      {{"\"alpha\": 0.7", "\"alpha\": true"}, "fusion.alpha: must be a number"},
      {{"\"latent\": 16", "\"latent\": 17"}, "simnorm: does not divide latent"},
      {{"\"latent\": 16", "\"latent\": 8"}, "latent/stand.onnx: its inputs are z[16], the bundle needs z[8]"},
      {{"\"condition\": 3\n", "\"condition\": 2\n"}, "gate.condition: must be 0 or the number of experts, 3"},
      {{"\"condition\": 3\n", "\"condition\": 0\n"},
       "gate.onnx: its inputs are phi[73] c[3], the bundle needs phi[73]"},
      {{"\"safe_skill\":",
        "\"handover\": {\"file\": \"gate.onnx\", \"ready\": 0.9, \"wait_ms\": 500}, \"safe_skill\":"},
       "gate.onnx: its inputs are phi[73] c[3], the bundle needs phi[73]"},
      {{"\"safe_skill\":",
        "\"handover\": {\"file\": \"gate.onnx\", \"ready\": 1.1, \"wait_ms\": 500}, \"safe_skill\":"},
       "handover.ready: 1.1 is not in 0..1"},
      {{"\"safe_skill\":",
        "\"handover\": {\"file\": \"gate.onnx\", \"ready\": 0.9, \"wait_ms\": 1e5}, \"safe_skill\":"},
       "handover.wait_ms: 100000 is not in 0..10000"},
      {{"\"safe_skill\":", "\"handover\": {\"file\": \"gate.onnx\", \"ready\": 0.9}, \"safe_skill\":"}, "wait_ms"},
      {{"\"condition\": 3,", "\"condition\": 2,"}, "world_model.condition: must be 0 or the number of experts, 3"},
      {{"\"condition\": 3,", "\"condition\": 0,"},
       "wm/encoder.onnx: its inputs are phi[73] c[3], the bundle needs phi[73]"},
      {{"\"bins\": 101", "\"bins\": 51"},
       "wm/reward.onnx: it has 1 output(s) of 101 numbers, the bundle needs one of 51"},
      {{"\"horizon\": 3", "\"horizon\": 17"}, "planner.horizon: 17 is not in 1..16"},
      {{"\"elites\": 16", "\"elites\": 65"}, "planner.elites: 65 is not in 1..64"},
      {{"\"prior_trajectories\": 4", "\"prior_trajectories\": 64"},
       "is less than prior_trajectories + expert_trajectories"},
      {{"\"min_std\": 0.05", "\"min_std\": 0.9"}, "planner.min_std: is above max_std"},
      {{"\"precision\": \"fp32\"", "\"precision\": \"fp4\""}, "must be fp32, bf16, int8, int16 or auto"},
      {{"\"guidance\": 0.3", "\"guidence\": 0.3"}, "planner: unknown key guidence"},
      {{"\"guidance\": 0.3", "\"guidance\": 0.3, \"skills\": [\"fly\"]"}, "fly is not one of the experts"},
      {{"\"guidance\": 0.3", "\"guidance\": 0.3, \"skills\": []"}, "planner.skills"},
      {{"\"experts/walk.onnx\"", "\"../walk.onnx\""}, "is not a safe file name"},
      {{"\"experts/walk.onnx\"", "\"experts/none.onnx\""}, "experts/none.onnx is used, and is not listed"},
      {{"\"file\": \"experts/walk.onnx\"", "\"file\": \"gate.onnx\""},
       "gate.onnx: its inputs are phi[73] c[3], the bundle needs phi[73]"},
      {{"\"bytes\": 2432", "\"bytes\": 2431"}, "calibration.bin: is larger than 2431 bytes"},
      {{"\"bytes\": 2432", "\"bytes\": 2433"}, "calibration.bin: has 2432 bytes, bundle.json says 2433"},
      {{"\"bytes\": 2432", "\"bytes\": 1e18"}, "is not in 0.."},
      {{"a35b70e7", "a35b70e8"}, "calibration.bin: does not match its SHA-256"},
      {{"a35b70e7", "A35B70E7"}, "must be 64 lower-case hex digits"},
  };
  for (const auto& [change, message] : cases) Copy().edit(change.first, change.second).refused(message);
}

TEST_CASE("bundle: an edit under the seal is refused with a way out") {
  Copy c;
  std::string text = read(c.folder() / "bundle.json");
  text.replace(text.find("0.7"), 3, "0.8");
  write(c.folder() / "bundle.json", text);
  c.refused("sha256: bundle.json is damaged or was edited; copy it again, or drop this key");
}

TEST_CASE("bundle: networks that are not the robot's") {
  const std::string names = joint_names();
  const std::string path = "experts/walk.onnx";
  Copy().put(path, expert(73, 19, names).build()).refused("selftest.bin: experts/walk.onnx: the network gives");
  std::string swapped = names;
  swapped.replace(swapped.find("left_knee"), 9, "right_knee").replace(swapped.rfind("right_knee"), 10, "left_knee");
  Copy().put(path, expert(73, 19, swapped).build()).refused("joint 3 is right_knee, not left_knee");
  Copy().put(path, expert(73, 19, names + ",tail").build()).refused("they are not 19 names");
  Copy().put(path, expert(73, 19, "left_hip_yaw").build()).refused("joint_names are not robot.joints");
  Copy().put(path, expert(73, 18, names).build()).refused("of 18 numbers, the bundle needs one of 19");
  Copy().put(path, expert(72, 19, names).build()).refused("its inputs are phi[72], the bundle needs phi[73]");
  Copy()
      .put(path, expert(73, 19, names).metadata("joint_stiffness", "1,2,3").build())
      .refused("its joint_stiffness differs from bundle.json at joint 0");
  Copy()
      .put(path, GraphBuilder().input("phi", 73).node("Erf", {"phi"}, {"y"}).output("y", 73).build())
      .refused("experts/walk.onnx: node n0, op Erf: it is not supported by the native engine");
  Copy()
      .put(path, std::string("\x3a\xff\xff\xff\xff\x0f", 6))
      .refused("experts/walk.onnx: the file ends in the middle of a field");
  Copy()
      .put(path, GraphBuilder()
                     .input("phi", 73)
                     .weights("w", {73, 19}, std::vector<float>(73 * 19))
                     .node("Gemm", {"phi", "w"}, {"y"})
                     .output("y", 19)
                     .build())
      .refused("experts/walk.onnx: its metadata has no joint_names");
}

TEST_CASE("bundle: self-test and calibration that are not right") {
  Copy().put("selftest.bin", std::string("MWST")).refused("selftest.bin: it is cut off");
  Copy().put("selftest.bin", std::string("XXXX\1\0\0\0\0\0\0\0", 12)).refused("does not begin with MWST");
  Copy().put("selftest.bin", std::string("MWST\2\0\0\0\0\0\0\0", 12)).refused("version 2, this build reads version 1");
  Copy().put("selftest.bin", std::string("MWST\1\0\0\0\0\0\0\0", 12)).refused("has no case for");
  Copy().put("selftest.bin", std::string("MWST\1\0\0\0\xff\xff\xff\xff", 12)).refused("more than 4096 cases");
  Copy()
      .put("selftest.bin", std::string("MWST\1\0\0\0\1\0\0\0\0\0\0\0\xff\xff\xff\xff\0\0\0\0", 24))
      .refused("cut off");
  Copy().put("calibration.bin", std::string(100, '\0')).refused("not a whole number of rows of 76 float32");
  std::string nan(76 * 4, '\0');
  nan.replace(0, 4, "\xff\xff\xff\x7f");
  Copy().put("calibration.bin", nan).refused("not finite");
}

TEST_CASE("bundle: a zip that lies is refused") {
  const auto spoiled = [](auto spoil) { return zip_of(kToy, spoil); };
  CHECK_THROWS(load_zip(spoiled([](auto& e) {
                 if (e.name == "bundle.json") e.name = "../bundle.json";
               })),
               "unsafe name");
  CHECK_THROWS(load_zip(spoiled([](auto& e) {
                 if (e.name == "bundle.json") e.method = 8;
               })),
               "is compressed");
  CHECK_THROWS(load_zip(spoiled([](auto& e) {
                 if (e.name == "gate.onnx") e.data += "x";
               })),
               "gate.onnx: is larger");
  CHECK_THROWS(load_zip(spoiled([](auto& e) {
                 if (e.name == "gate.onnx") e.name = "fate.onnx";
               })),
               "gate.onnx: is missing in the zip");
}
