#include "metaworld_rt/planner.hpp"

#include <cmath>

#include "metaworld_rt/error.hpp"
#include "planner/precision_gate.hpp"

namespace metaworld_rt {

struct MppiPlanner::Impl {
  std::shared_ptr<const Bundle> bundle;
  planner::ThreadPool pool;
  std::unique_ptr<planner::Mppi> mppi;
  PrecisionReport report;

  Impl(std::shared_ptr<const Bundle> b, const PlannerOptions& o)
      : bundle(std::move(b)), pool(o.threads, o.cpus, o.spin_ns) {
    const planner::ModelSpec spec = planner::model_spec(*bundle);
    PlannerSettings settings;
    if (bundle->planner) settings = *bundle->planner;
    if (o.settings) settings = *o.settings;
    const auto dt_ns = static_cast<std::int64_t>(std::llround(1e9 / bundle->decision_hz));
    const kernels::Isa isa = kernels::active_isa();
    const auto engine = [&](Precision p) {
      auto model = std::make_shared<const planner::PackedModel>(spec, static_cast<kernels::Storage>(p), isa);
      return std::make_unique<planner::Mppi>(std::move(model), settings, dt_ns, o.seed, pool);
    };
    report.requested = report.used = settings.precision;
    const bool choose = settings.precision == Precision::automatic;
    if (settings.precision == Precision::fp32 || (!o.gate && !choose)) {
      mppi = engine(settings.precision);
      return;
    }
    mppi = engine(Precision::fp32);
    report.used = Precision::fp32;
    std::string refused;
    // The fastest first; int16 is as fast as bf16, and nearer to fp32.
    for (const Precision p : {Precision::int8, Precision::int16, Precision::bf16}) {
      if (choose ? !mppi->model().kernels.fast[static_cast<int>(p)] : p != settings.precision) continue;
      try {
        std::unique_ptr<planner::Mppi> low = engine(p);
        report = planner::compare(*mppi, *low, bundle->calibration, p, settings.action_tolerance);
        if (report.used == p) mppi = std::move(low);
      } catch (const Error& e) {
        report.message = e.what();
      }
      if (choose && !report.message.empty()) {
        refused += (refused.empty() ? "" : "; ") + std::string(name(p)) + ": " + report.message;
      }
      if (report.used == p) break;
    }
    report.requested = settings.precision;
    if (choose) report.message = refused;
  }
};

MppiPlanner::MppiPlanner(std::shared_ptr<const Bundle> bundle, const PlannerOptions& options) {
  if (!bundle) throw Error("planner: it needs a bundle");
  if (options.threads < 1 || options.threads > 64) throw Error("planner: threads must be 1 to 64");
  impl_ = std::make_unique<Impl>(std::move(bundle), options);
}

MppiPlanner::~MppiPlanner() = default;

void MppiPlanner::plan(const PlanRequest& request, std::int64_t deadline_ns, Plan& plan) noexcept {
  impl_->mppi->plan(request, deadline_ns, plan);
}
void MppiPlanner::reset() noexcept { impl_->mppi->reset(); }
const PrecisionReport& MppiPlanner::precision() const noexcept { return impl_->report; }
const PlannerSettings& MppiPlanner::settings() const noexcept { return impl_->mppi->settings(); }
const char* MppiPlanner::kernel() const noexcept {
  const planner::PackedModel& m = impl_->mppi->model();
  return m.kernels.name[static_cast<int>(m.storage)];
}
double MppiPlanner::flop() const noexcept { return impl_->mppi->flop(); }
planner::Mppi& MppiPlanner::core() noexcept { return *impl_->mppi; }

}  // namespace metaworld_rt
