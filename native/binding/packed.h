#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "runtime/tensors.h"

namespace rnn::binding {

// The layout of a packed sequence: how many sequences have a first step, a second one, …, and how the sequences were
// sorted, unless they were already sorted.
struct Packing {
  at::Tensor batch_sizes, sorted_indices, unsorted_indices;

  // Takes batch sizes alone, or with both indices.
  explicit Packing(const Tensors& tensors);

  // The number of sequences.
  int64_t batch() const { return batch_sizes.const_data_ptr<int64_t>()[0]; }

  // Throws unless this is a valid packing of `data`. LibTorch does not check it: a wrong packing gives wrong numbers,
  // and batch sizes on a CUDA device crash it.
  void check(const at::Tensor& data) const;
};

}  // namespace rnn::binding
