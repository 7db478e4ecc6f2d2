// bundle.json to the settings of a Bundle: everything but the networks, with every range checked.
#pragma once

#include <string>
#include <vector>

#include "metaworld_rt/bundle.hpp"
#include "model/json_view.hpp"

namespace metaworld_rt::model {

/// Which file is which network.
struct NetworkFiles {
  std::vector<std::string> experts, latents;  ///< latents: "" where there is none
  std::string gate, handover;                 ///< "" if there is none
  std::string encoder, dynamics, reward, prior, termination;
  std::vector<std::string> q;
  std::string selftest, calibration;  ///< calibration: "" if there is none
};

/// Fills all settings of `bundle`. Throws Error "bundle.json: KEY: ...".
NetworkFiles read_settings(const JsonView& root, Bundle& bundle);

}  // namespace metaworld_rt::model
