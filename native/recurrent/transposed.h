#pragma once
#include <memory>
#include <vector>

#include "recurrent/kernels.h"

namespace rnn {

// C = Aᵀ B over many rows for several B at once, and the sums of A's columns: the gradients of weights and of biases.
// A is (k, rows), each B has its k rows anywhere, its C is (rows, columns).
struct TransposedProduct {
  struct Side {
    std::shared_ptr<const std::vector<const float*>> b;
    int64_t columns;
    float* c;
  };

  int64_t rows;
  int64_t inner;
  Rows a;
  std::vector<Side> sides;
  std::vector<float*> sums;

  // The part that makes the rows of C from `first` to `last`.
  TransposedProduct part(int64_t first, int64_t last) const;
  void run(const Kernels& kernels) const;
};

}  // namespace rnn
