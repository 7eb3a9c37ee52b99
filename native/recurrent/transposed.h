#pragma once
#include <memory>
#include <vector>

#include "recurrent/kernels.h"

namespace rnn::recurrent {

// Corresponding rows of two matrices, equally spaced in each: `count` rows of A from row `first` on, every `step`-th,
// and the same number of B.
struct Run {
  int64_t first;
  int64_t step;
  int64_t count;
  Rows b;
};

// C = Aᵀ B over many rows for several B at once, and the sums of A's columns: the gradients of weights and of biases. A
// is (inner, rows); the rows of each B may be anywhere in memory; each C is (rows, columns).
struct TransposedProduct {
  struct Side {
    std::shared_ptr<const std::vector<Run>> runs;
    int64_t columns;
    float* c;
  };

  int64_t rows;
  int64_t inner;
  Rows a;
  std::vector<Side> sides;
  std::vector<float*> sums;

  // The part that computes the rows of C from `first` to `last`.
  TransposedProduct part(int64_t first, int64_t last) const;
  void run(const Kernels& kernels) const;
};

}  // namespace rnn::recurrent
