#pragma once
#include <ATen/core/Tensor.h>

namespace rnn::operators {

// Warns in PyTorch's words, with the name of the loss.
void warn_of_broadcast(const char* name, const at::Tensor& input, const at::Tensor& target);
// Throws where the sizes differ.
void require_same_size(const at::Tensor& input, const at::Tensor& target);

// Registers what PyTorch writes in Python around ATen's operators (torch/nn/functional.py and torch/nn/init.py) as
// operators `libtorch_rnn::…`. So they are called as ATen's are; and their checks of shapes and values run where the
// operation does, on the lane, where queued tensors have some. Once per process; further calls do nothing.
void register_functional();

}  // namespace rnn::operators
