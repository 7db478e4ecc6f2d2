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
    if (settings.precision == Precision::fp32 || !o.gate) {
      mppi = engine(settings.precision);
      return;
    }
    std::unique_ptr<planner::Mppi> exact = engine(Precision::fp32), low;
    try {
      low = engine(settings.precision);
      report = planner::compare(*exact, *low, bundle->calibration, settings.precision, settings.action_tolerance);
    } catch (const Error& e) {
      report.used = Precision::fp32;
      report.message = e.what();
    }
    mppi = report.used == Precision::fp32 ? std::move(exact) : std::move(low);
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
