#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

namespace rnn {

using Tensors = std::vector<at::Tensor>;

}  // namespace rnn
