#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <string>
#include <vector>

namespace rnn::operators {

// Throws where an operator of LibTorch would read outside of these arguments.
using Check = void (*)(const std::vector<c10::IValue>& stack);

// The check of the operator of this name, or null: LibTorch's recurrent networks rely on what torch.nn has checked.
Check check_of(const std::string& name);

// Throws unless these can be the batch sizes of a packed sequence with this data, for which LibTorch takes its word.
void check_batch_sizes(const at::Tensor& batch_sizes, const at::Tensor& data);

}  // namespace rnn::operators
