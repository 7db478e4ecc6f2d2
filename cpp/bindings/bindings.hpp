// What the binding files share: one bind_* function a file, and checks of what Python hands in.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <string>

namespace metaworld_rt::bindings {

namespace py = pybind11;

void bind_types(py::module_& m);
void bind_bundle(py::module_& m);
void bind_controller(py::module_& m);
void bind_loop(py::module_& m);
void bind_network(py::module_& m);
void bind_planner(py::module_& m);

/// A contiguous float64 vector of `size` values, without a copy. Lists and other dtypes are refused, not converted:
/// a silent float32 or a transposed view is how an observation order is guessed wrongly.
/// Throws py::type_error or py::value_error with one clear message.
inline const double* float64_vector(const py::handle& value, std::size_t size, const char* what) {
  if (!py::isinstance<py::array>(value)) {
    throw py::type_error(std::string(what) + " must be a numpy float64 array of shape (" + std::to_string(size) +
                         ",), got " + std::string(py::str(py::type::of(value).attr("__name__"))));
  }
  const auto array = py::reinterpret_borrow<py::array>(value);
  if (!array.dtype().is(py::dtype::of<double>())) {
    throw py::type_error(std::string(what) + " must be float64, got " + std::string(py::str(array.dtype())));
  }
  if (array.ndim() != 1 || static_cast<std::size_t>(array.shape(0)) != size) {
    throw py::value_error(std::string(what) + " must have shape (" + std::to_string(size) + ",), got " +
                          std::string(py::str(array.attr("shape"))));
  }
  if (array.strides(0) != static_cast<py::ssize_t>(sizeof(double)) && size > 1) {
    throw py::value_error(std::string(what) + " must be contiguous: pass numpy.ascontiguousarray(...)");
  }
  return static_cast<const double*>(array.data());
}

/// A new numpy array with a copy of `size` values.
template <class T>
py::array_t<T> copied(const T* data, std::size_t size) {
  return py::array_t<T>(static_cast<py::ssize_t>(size), data);
}

}  // namespace metaworld_rt::bindings
