// bundle.json's reader: any bytes.
#include <string_view>

#include "guard.hpp"
#include "metaworld_rt/bundle.hpp"
#include "model/bundle_settings.hpp"
#include "model/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace model = metaworld_rt::model;
  const fuzz::Guard guard(size);
  try {
    const model::Json json = model::parse_json({reinterpret_cast<const char*>(data), size}, "bundle.json");
    metaworld_rt::Bundle bundle;
    model::read_settings(model::JsonView(json, ""), bundle);
  } catch (const metaworld_rt::Error&) {
  }
  return 0;
}
