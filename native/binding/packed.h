#pragma once
#include <ATen/core/Tensor.h>

namespace rnn {

// Throws unless `batch_sizes` tell how `rows` steps of sequences, the longest first, are packed. LibTorch trusts them:
// from wrong ones it computes wrong numbers, and on a CUDA device they crash it.
void check_batch_sizes(const at::Tensor& batch_sizes, const at::Tensor& data);

}  // namespace rnn
