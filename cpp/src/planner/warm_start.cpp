#include "planner/warm_start.hpp"

#include <algorithm>

namespace metaworld_rt::planner {

bool WarmStart::at(std::int64_t t_ns, float* mean) const noexcept {
  std::fill_n(mean, mean_.size(), 0.0f);
  const std::int64_t ahead = t_ns - t_ns_;
  if (!warm_ || ahead < 0 || ahead >= dt_ns_ * horizon_) return false;
  const auto whole = static_cast<std::uint32_t>(ahead / dt_ns_);
  const float part = static_cast<float>(ahead % dt_ns_) / static_cast<float>(dt_ns_);
  for (std::uint32_t t = 0; t + whole < horizon_; ++t) {
    const float* here = mean_.data() + std::size_t{t + whole} * stride_;
    const bool last = t + whole + 1 == horizon_;
    for (std::uint32_t j = 0; j < actions_; ++j) {
      mean[std::size_t{t} * stride_ + j] = (1.0f - part) * here[j] + (last ? 0.0f : part * here[stride_ + j]);
    }
  }
  return true;
}

void WarmStart::keep(std::int64_t t_ns, const float* mean, bool usable) noexcept {
  warm_ = usable;
  t_ns_ = t_ns;
  std::copy_n(mean, mean_.size(), mean_.begin());
}

}  // namespace metaworld_rt::planner
