#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

namespace rnn::runtime {

using Tensors = std::vector<at::Tensor>;

}  // namespace rnn::runtime

// Used in all folders.
namespace rnn {

using runtime::Tensors;

}  // namespace rnn
