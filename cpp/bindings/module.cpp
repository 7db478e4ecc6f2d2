// The extension module _core: thin, no logic of its own. Base classes are bound before what derives from them.
#include "bindings.hpp"

PYBIND11_MODULE(_core, m) {
  using namespace metaworld_rt::bindings;
  m.doc() = "The C++ core of metaworld_rt. Use it through `import metaworld_rt`.";
  m.attr("__version__") = MWRT_VERSION;
  bind_types(m);
  bind_histogram(m);
  metaworld_rt::bind_network(m);
  bind_bundle(m);
  bind_controller(m);
  metaworld_rt::bind_planner(m);
  bind_loop(m);
  bind_record(m);
  bind_qualify(m);
}
