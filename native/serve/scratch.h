#pragma once
#include "recurrent/memory.h"

namespace rnn::serve {

// Memory that the jobs of a thread use one after the other, uninitialized.
class Scratch {
 public:
  float* floats(int64_t size) {
    if (size > floats_.size()) {
      floats_ = {};
      floats_ = recurrent::Floats(size);
    }
    return floats_.data();
  }

  // Frees what only a rare job needs.
  void trim() {
    if (floats_.size() > kMost) floats_ = {};
  }

 private:
  // 16 MB
  static constexpr int64_t kMost = 4 << 20;
  recurrent::Floats floats_;
};

}  // namespace rnn::serve
