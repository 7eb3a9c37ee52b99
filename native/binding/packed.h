#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "runtime/tensors.h"

namespace rnn::binding {

// How the steps of a packed sequence lie: how many sequences have a first step, a second one, …, and how the sequences
// were sorted, unless they came so.
struct Packing {
  at::Tensor batch_sizes, sorted_indices, unsorted_indices;

  // From batch sizes alone, or with both indices.
  explicit Packing(const Tensors& tensors);

  // How many sequences there are.
  int64_t batch() const { return batch_sizes.const_data_ptr<int64_t>()[0]; }

  // Throws unless this can be the packing of `data`. LibTorch trusts it: from a wrong one it computes wrong numbers,
  // and batch sizes on a CUDA device crash it.
  void check(const at::Tensor& data) const;
};

}  // namespace rnn::binding
