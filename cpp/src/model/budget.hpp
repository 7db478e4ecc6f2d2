// How much memory a file may make us allocate: bounds amplification by small hostile files.
#pragma once

#include <cstddef>

#include "metaworld_rt/error.hpp"

namespace metaworld_rt::model {

/// 4 bytes for each byte of the file, and 4 MiB so that small networks may have vectors at all.
class Budget {
 public:
  explicit Budget(std::size_t file_bytes) : left_(4 * file_bytes + (std::size_t{4} << 20)) {}

  /// Call before allocating. Throws Error when nothing is left.
  void take(std::size_t count, std::size_t size) {
    if (count > left_ / size) throw Error("it would need far more memory than the file has bytes");
    left_ -= count * size;
  }

 private:
  std::size_t left_;
};

}  // namespace metaworld_rt::model
