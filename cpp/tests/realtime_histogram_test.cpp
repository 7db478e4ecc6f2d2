#include "metaworld_rt/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "check.hpp"

using metaworld_rt::Histogram;

TEST_CASE("histogram: quantiles of a long-tailed sample are within 1/64 above the true ones") {
  Histogram h;
  std::vector<std::int64_t> all;
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> latency(10.0, 1.5);
  for (int i = 0; i < 100'000; ++i) {
    const auto v = static_cast<std::int64_t>(latency(random));
    all.push_back(v);
    h.record(v);
  }
  std::sort(all.begin(), all.end());
  for (const double q : {0.5, 0.99, 0.999, 0.9999}) {
    const auto at = static_cast<std::size_t>(std::ceil(q * static_cast<double>(all.size()))) - 1;
    const double truth = static_cast<double>(all[at]), got = static_cast<double>(h.quantile(q));
    CHECK(got >= truth);
    CHECK(got <= truth * (1 + 1.0 / 64) + 1);
  }
  CHECK_EQ(h.max(), all.back());
  CHECK_EQ(h.quantile(1.0), all.back());
  CHECK_EQ(h.count(), all.size());
}

TEST_CASE("histogram: small values are exact, negative ones are 0, huge ones keep the exact maximum") {
  Histogram h;
  CHECK_EQ(h.quantile(0.5), 0);
  for (int i = 0; i < 128; ++i) h.record(i);
  CHECK_EQ(h.quantile(0.5), 63);
  CHECK_EQ(h.quantile(0.0), 0);
  h.clear();
  h.record(-5);
  CHECK_EQ(h.max(), 0);
  h.record(std::int64_t{1} << 50);
  CHECK_EQ(h.max(), std::int64_t{1} << 50);
  CHECK_EQ(h.quantile(1.0), std::int64_t{1} << 50);
}

TEST_CASE("histogram: the buckets tile the range without gap or overlap") {
  for (std::size_t i = 0; i + 1 < Histogram::kBuckets; ++i) {
    CHECK_EQ(Histogram::upper(i) + 1, Histogram::lower(i + 1));
    if (i % 97 != 0) continue;
    Histogram h;
    h.record(static_cast<std::int64_t>(Histogram::lower(i)));
    h.record(static_cast<std::int64_t>(Histogram::upper(i)));
    CHECK_EQ(h.at(i), 2u);
  }
}

TEST_CASE("histogram: merging is adding") {
  Histogram a, b, both;
  for (int i = 0; i < 1000; ++i) {
    (i % 2 ? a : b).record(i * i);
    both.record(i * i);
  }
  a.merge(b);
  CHECK_EQ(a.count(), both.count());
  CHECK_EQ(a.quantile(0.99), both.quantile(0.99));
  CHECK_EQ(a.max(), both.max());
  CHECK_NEAR(a.mean(), both.mean(), 1e-9);
}
