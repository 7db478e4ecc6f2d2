// What the channels of a flight record look like: JSON Schema for people's channels, a text for the binary ones.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "metaworld_rt/bundle.hpp"
#include "metaworld_rt/record.hpp"

namespace metaworld_rt::record {

inline constexpr std::string_view kBinaryEncoding = "x-mwrt-record/1";
inline constexpr std::string_view kFlightMetadata = "metaworld_rt.flight";

struct BinaryChannel {
  RecordType type;
  std::string_view topic;
};
inline constexpr std::array<BinaryChannel, 7> kBinaryChannels{{{RecordType::tick, "/mwrt/tick"},
                                                               {RecordType::command, "/mwrt/command"},
                                                               {RecordType::plan, "/mwrt/plan"},
                                                               {RecordType::swap, "/mwrt/swap"},
                                                               {RecordType::reset, "/mwrt/reset"},
                                                               {RecordType::keyframe, "/mwrt/keyframe"},
                                                               {RecordType::tick_plan, "/mwrt/tick_plan"}}};

/// The binary layout in words.
std::string_view binary_layout(RecordType type) noexcept;

std::string joints_schema(const Bundle& bundle);
std::string_view status_schema() noexcept;
std::string_view log_schema() noexcept;        ///< foxglove.Log
std::string_view transform_schema() noexcept;  ///< foxglove.FrameTransform

}  // namespace metaworld_rt::record
