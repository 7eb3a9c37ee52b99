#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "recurrent/equations.h"
#include "recurrent/plan.h"
#include "runtime/tensors.h"

// Recurrent networks as loops of ATen operations: slower than fused kernels, but differentiable any number of times,
// with configurable equations and traceable gates and states.
namespace rnn::recurrent::composite {

enum class Trace {
  kNothing,
  // All gates and states: (L, N, H) each, or rows (ΣL, H), like the input.
  kGates,
  // Zeros of the same shape, added to h(t) and c(t), so that their gradients are those of h(t) and c(t).
  kProbes
};

struct Result {
  at::Tensor output;
  Tensors finals;
  // For each layer and direction, indexed by input step.
  std::vector<Tensors> traces;
};

// input (L, N, I), or the rows (ΣL, I) of a packed sequence if there are batch sizes, which never increase; states
// (layers * directions, N, H) each; weights of each layer and direction in PyTorch's order.
Result forward(const Network& network, const Equations& equations, const at::Tensor& input,
               const std::vector<int64_t>& batch_sizes, const Tensors& states, const std::vector<Weights>& weights,
               Trace trace);

}  // namespace rnn::recurrent::composite
