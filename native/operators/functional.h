#pragma once
#include <ATen/core/Tensor.h>

namespace rnn::operators {

// Emits PyTorch's warning, with the name of the loss.
void warn_of_broadcast(const char* name, const at::Tensor& input, const at::Tensor& target);
// Throws if the sizes differ.
void require_same_size(const at::Tensor& input, const at::Tensor& target);

// Registers functions that PyTorch implements in Python on top of ATen's operators (torch/nn/functional.py and
// torch/nn/init.py) as operators `libtorch_rnn::…`. They are called like ATen's, and their checks of shapes and values
// run with the operation, on the lane, where queued tensors are available. Once per process; further calls do nothing.
void register_functional();

}  // namespace rnn::operators
