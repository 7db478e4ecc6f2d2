// Histogram: latency statistics, in microseconds on the Python side.
#include "bindings.hpp"
#include "metaworld_rt/histogram.hpp"

namespace metaworld_rt::bindings {
namespace {

py::array_t<double> buckets(const Histogram& histogram) {
  std::size_t used = 0;
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) used += histogram.at(i) != 0;
  py::array_t<double> out({static_cast<py::ssize_t>(used), py::ssize_t{3}});
  auto rows = out.mutable_unchecked<2>();
  py::ssize_t row = 0;
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    if (histogram.at(i) == 0) continue;
    rows(row, 0) = static_cast<double>(Histogram::lower(i)) * 1e-3;
    rows(row, 1) = static_cast<double>(Histogram::upper(i) + 1) * 1e-3;
    rows(row, 2) = static_cast<double>(histogram.at(i));
    ++row;
  }
  return out;
}

py::dict summary(const Histogram& histogram) {
  py::dict out;
  out["p50"] = static_cast<double>(histogram.quantile(0.5)) * 1e-3;
  out["p99"] = static_cast<double>(histogram.quantile(0.99)) * 1e-3;
  out["p999"] = static_cast<double>(histogram.quantile(0.999)) * 1e-3;
  out["max"] = static_cast<double>(histogram.max()) * 1e-3;
  return out;
}

}  // namespace

void bind_histogram(py::module_& m) {
  py::class_<Histogram>(m, "Histogram",
                        "Latencies in constant memory. Quantiles are at most 1.6 % above the true sample, never below; "
                        "the maximum is exact.")
      .def(py::init<>())
      .def("record", &Histogram::record, py::arg("ns"), "Adds one sample, ns; a negative one counts as 0.")
      .def("merge", &Histogram::merge, py::arg("other"))
      .def_property_readonly("count", &Histogram::count)
      .def_property_readonly("mean_us", [](const Histogram& h) { return h.mean() * 1e-3; })
      .def_property_readonly("max_us", [](const Histogram& h) { return static_cast<double>(h.max()) * 1e-3; })
      .def(
          "quantile_us", [](const Histogram& h, double q) { return static_cast<double>(h.quantile(q)) * 1e-3; },
          py::arg("q"), "q in 0..1; 0 if there is no sample.")
      .def("summary_us", &summary, "dict: p50, p99, p999, max, us.")
      .def("buckets_us", &buckets, "float64[B, 3]: lower edge us, upper edge us, count; only those with samples.");
}

}  // namespace metaworld_rt::bindings
