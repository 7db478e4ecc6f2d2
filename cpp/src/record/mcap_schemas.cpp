#include "record/mcap_schemas.hpp"

namespace metaworld_rt::record {

std::string_view binary_layout(RecordType type) noexcept {
  switch (type) {
    case RecordType::tick:
      return "little-endian: i64 t_ns, observation_t_ns; u64 tick, decision; i64 wakeup_ns, duration_ns (of the tick "
             "before), plan_age_ns, semantic_age_ns; u32 missed, rungs (bit i: rung i of the ladder counted in this "
             "tick), stage, command_id, generation; f32 alpha, phase; u16 observation_size, joints, skills; u8 mode "
             "(0 running, 1 holding, 2 stopped), command_mode (0 position, 1 damping), new_decision, plan_used, "
             "rearm, stop, refused_swaps, timed, frozen_joint (1 + its number; 0: none); zero bytes to 112; f64 "
             "observation[observation_size]; f64 q[joints] "
             "(rad); f32 action[joints] (normalised); f32 mixture[skills]";
    case RecordType::command:
      return "little-endian: SkillCommand of metaworld_rt/types.hpp, cut after its last stage";
    case RecordType::plan:
    case RecordType::tick_plan:
      return "little-endian: Plan of metaworld_rt/types.hpp up to `action`; then f32 action[horizon][joints], "
             "f32 std[horizon][joints]";
    case RecordType::swap:
      return "little-endian: u32 generation; char digest[68], zero-terminated: SHA-256 of bundle.json in hex";
    case RecordType::reset:
      return "empty: the controller was reset before the tick that follows";
    case RecordType::keyframe:
      return "as swap, then the controller's state, opaque, of the build that wrote it: a replay may start here";
  }
  return "";
}
// The text above says where the arrays start.
static_assert(sizeof(TickHeader) == 112 && sizeof(SwapRecord) == 72);

std::string joints_schema(const Bundle& bundle) {
  std::string out =
      R"({"title":"joints","type":"object","description":"at every decision: measured, commanded and wanted",)"
      R"("properties":{)";
  for (std::size_t i = 0; i < bundle.robot.size(); ++i) {
    out += (i ? ",\"" : "\"") + bundle.robot.joints[i] + "\":{\"$ref\":\"#/definitions/joint\"}";
  }
  out += R"(},"definitions":{"joint":{"type":"object","properties":{)"
         R"("position":{"type":"number","description":"measured, rad"},)"
         R"("velocity":{"type":"number","description":"measured, rad/s"},)"
         R"("target":{"type":"number","description":"commanded position, rad"},)"
         R"("action":{"type":"number","description":"normalised, -1..1"}}}}})";
  return out;
}

std::string_view status_schema() noexcept {
  return R"({"title":"status","type":"object","description":"at every decision","properties":{)"
         R"("tick":{"type":"integer"},"decision":{"type":"integer"},"mode":{"type":"string"},)"
         R"("command_mode":{"type":"string"},"plan_used":{"type":"boolean"},"plan_age_ms":{"type":"number"},)"
         R"("semantic_age_ms":{"type":"number"},"observation_age_ms":{"type":"number"},"alpha":{"type":"number"},)"
         R"("phase":{"type":"number","description":"gait phase, cycles"},"stage":{"type":"integer"},)"
         R"("command_id":{"type":"integer"},"generation":{"type":"integer"},)"
         R"("wakeup_us":{"type":"number","description":"of the tick before"},)"
         R"("duration_us":{"type":"number","description":"of the tick before"},"missed":{"type":"integer"},)"
         R"("mixture":{"type":"object","description":"fused weight of every skill","additionalProperties":{"type":"number"}}}})";
}

std::string_view log_schema() noexcept {
  return R"({"title":"foxglove.Log","type":"object","properties":{)"
         R"("timestamp":{"type":"object","title":"time","properties":{"sec":{"type":"integer"},"nsec":{"type":"integer"}}},)"
         R"("level":{"type":"integer","description":"2 info, 3 warning, 4 error"},"message":{"type":"string"},)"
         R"("name":{"type":"string","description":"the rung"},"file":{"type":"string"},"line":{"type":"integer"},)"
         R"("tick":{"type":"integer"}}})";
}

std::string_view transform_schema() noexcept {
  return R"({"title":"foxglove.FrameTransform","type":"object","properties":{)"
         R"("timestamp":{"type":"object","title":"time","properties":{"sec":{"type":"integer"},"nsec":{"type":"integer"}}},)"
         R"("parent_frame_id":{"type":"string"},"child_frame_id":{"type":"string"},)"
         R"("translation":{"type":"object","title":"foxglove.Vector3","properties":{)"
         R"("x":{"type":"number"},"y":{"type":"number"},"z":{"type":"number"}}},)"
         R"("rotation":{"type":"object","title":"foxglove.Quaternion","properties":{)"
         R"("x":{"type":"number"},"y":{"type":"number"},"z":{"type":"number"},"w":{"type":"number"}}}}})";
}

}  // namespace metaworld_rt::record
