// The extension module _core: thin, no logic of its own.
#include "bindings.hpp"

PYBIND11_MODULE(_core, m) {
  using namespace metaworld_rt::bindings;
  m.doc() = "The C++ core of metaworld_rt. Use it through `import metaworld_rt`.";
  m.attr("__version__") = MWRT_VERSION;
  bind_types(m);
}
