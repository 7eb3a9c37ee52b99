#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <string>
#include <vector>

namespace rnn::operators {

// Throws if a LibTorch operator would read these arguments out of bounds.
using Check = void (*)(const std::vector<c10::IValue>& stack);

// The check for the operator of this name, or null. LibTorch's recurrent networks rely on checks that torch.nn does.
Check check_of(const std::string& name);

// Throws unless these are valid batch sizes for a packed sequence with this data. LibTorch does not check them.
void check_batch_sizes(const at::Tensor& batch_sizes, const at::Tensor& data);

}  // namespace rnn::operators
