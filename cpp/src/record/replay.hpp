// Compares what a controller does again with what it did.
#pragma once

#include <optional>
#include <span>

#include "metaworld_rt/flight_record.hpp"
#include "metaworld_rt/types.hpp"

namespace metaworld_rt::record {

/// The first field of a tick whose bits differ, or nothing. `bundle` gives the names.
std::optional<Difference> compare_tick(const TickView& recorded, const Command& command, const Status& status,
                                       std::uint32_t rungs, const Bundle& bundle);

}  // namespace metaworld_rt::record
