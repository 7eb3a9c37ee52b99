#pragma once
#include <memory>
#include <vector>

#include "recurrent/kernels.h"

namespace rnn {

// C = Aᵀ B over many rows, and the sums of A's columns: the gradients of a weight and of its bias. A is (k, rows), B
// has its k rows anywhere, C is (rows, columns).
struct TransposedProduct {
  int64_t rows;
  int64_t columns;
  Rows a;
  std::shared_ptr<const std::vector<const float*>> b;
  // Either may be null.
  float* c;
  float* sums;

  // The part that makes C's rows from `first` to `last`.
  TransposedProduct part(int64_t first, int64_t last) const;
  void run(const Kernels& kernels) const;
};

}  // namespace rnn
