#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <vector>

namespace rnn::operators {

// The result of a LibTorch operator for arguments on the meta device, without memory; undefined if these arguments are
// not foreseen.
using Outline = at::Tensor (*)(const std::vector<c10::IValue>& stack);

// How to know the result of an operator whose meta kernel exists only in Python; null for other operators.
Outline outline_of(const c10::OperatorHandle& handle);

}  // namespace rnn::operators
