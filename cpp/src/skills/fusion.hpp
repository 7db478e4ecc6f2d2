// Dynamic selection: w~ = alpha * w + (1 - alpha) * p(s), MetaWorld (arXiv 2601.17507), section on skill fusion.
#pragma once

#include <cstddef>

namespace metaworld_rt::skills {

/// out[n] = alpha * w + (1 - alpha) * p, cleaned: a weight under kNegligible is set to 0 and the rest renormalised,
/// so that an expert that contributes nothing visible is not paid for. Real-time safe.
inline constexpr float kNegligible = 1e-3f;

inline void fuse(const float* w, const float* p, float alpha, std::size_t n, float* out) noexcept {
  float sum = 0.0f;
  for (std::size_t i = 0; i < n; ++i) {
    const float v = alpha * w[i] + (1.0f - alpha) * p[i];
    out[i] = v < kNegligible ? 0.0f : v;
    sum += out[i];
  }
  // At most kMaxSkills weights under 1e-3 can be dropped, so the sum of a simplex stays near 1.
  if (sum > 0.0f)
    for (std::size_t i = 0; i < n; ++i) out[i] /= sum;
}

}  // namespace metaworld_rt::skills
