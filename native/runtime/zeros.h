#pragma once
#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <utility>

namespace rnn::runtime {

// Autograd uses zero tensors without memory, such as the gradient of `sgn`, which most code that reads or writes memory
// does not expect. This function allocates memory for them.
inline at::Tensor with_memory(at::Tensor tensor) {
  if (!tensor.defined() || !tensor._is_zerotensor()) return tensor;
  const c10::AutoGradMode keeps_graph(tensor.requires_grad());
  return tensor.clone();
}

// The gradient of a parameter, or an undefined tensor.
inline const at::Tensor& gradient_of(const at::Tensor& parameter) {
  const at::Tensor& gradient = parameter.grad();
  if (gradient.defined() && gradient._is_zerotensor()) parameter.mutable_grad() = with_memory(gradient);
  return parameter.grad();
}

}  // namespace rnn::runtime
