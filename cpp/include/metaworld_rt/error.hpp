// The one exception type of the C++ API. Thrown at load time only, never from a real-time function.
#pragma once

#include <stdexcept>

namespace metaworld_rt {

/// What went wrong and what to do about it, in one line that can be shown to a user as it is.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace metaworld_rt
