// selftest.bin: recorded inputs and outputs of every network (docs/bundle.md).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "metaworld_rt/bundle.hpp"

namespace metaworld_rt::model {

/// Limits: 4096 cases. Throws Error "selftest.bin: ...".
std::vector<SelfTestCase> read_selftest(std::span<const std::byte> bytes);

/// Runs one case. Throws Error unless every |difference| <= 1e-4 (1 + |expected|).
void replay(const SelfTestCase& test, const Network& network);

}  // namespace metaworld_rt::model
