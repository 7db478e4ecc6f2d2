// Counts what the safety ladder did, in total and in the tick at hand.
#pragma once

#include <array>
#include <cstdint>

#include "metaworld_rt/types.hpp"

namespace metaworld_rt::control {

struct Rungs {
  std::array<std::uint64_t, kRungs> total{};
  std::uint32_t now = 0;  ///< bit i: Rung i counted in this tick

  void count(Rung rung, std::uint64_t times = 1) noexcept {
    if (times == 0) return;
    total[static_cast<std::size_t>(rung)] += times;
    now |= 1u << static_cast<unsigned>(rung);
  }
};

}  // namespace metaworld_rt::control
