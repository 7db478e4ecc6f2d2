// What the binding files share: one bind_* function a file, and checks of what Python hands in.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <string>

#include "metaworld_rt/controller.hpp"
#include "metaworld_rt/types.hpp"

namespace metaworld_rt {

void bind_network(pybind11::module_& m);
void bind_planner(pybind11::module_& m);

}  // namespace metaworld_rt

namespace metaworld_rt::bindings {

namespace py = pybind11;

/// A command and a status that know how many of their entries are in use: Python sees (n,) arrays.
struct JointCommand : Command {
  std::size_t joints = 0;
};
struct TickStatus : Status {
  std::size_t joints = 0, skills = 0;
};

/// A controller that refuses to be stepped from two threads at once: in C++ that is the caller's promise, from Python
/// it must not be able to crash the process.
class GuardedController : public Controller {
 public:
  using Controller::Controller;
  /// Held while somebody steps: a call from Python, or a loop from its start to its end.
  std::atomic<bool> busy{false};
  JointCommand last_command;
  TickStatus last_status;
};

/// Takes a controller's `busy` for a scope. Throws std::runtime_error if it is taken.
class Stepping {
 public:
  explicit Stepping(GuardedController& controller) : controller_(controller) {
    if (controller_.busy.exchange(true, std::memory_order_acquire)) {
      throw std::runtime_error("another thread or a RealtimeLoop is stepping this controller; stop that first");
    }
  }
  ~Stepping() { controller_.busy.store(false, std::memory_order_release); }
  Stepping(const Stepping&) = delete;
  Stepping& operator=(const Stepping&) = delete;

 private:
  GuardedController& controller_;
};

void bind_types(py::module_& m);
void bind_bundle(py::module_& m);
void bind_controller(py::module_& m);
void bind_loop(py::module_& m);
void bind_histogram(py::module_& m);
void bind_record(py::module_& m);
void bind_qualify(py::module_& m);

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
