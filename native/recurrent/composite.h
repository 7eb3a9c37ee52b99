#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "recurrent/plan.h"

// Recurrent networks as loops of ATen operations: slower than fused kernels, but differentiable any number of times,
// with every equation open to change, and every gate and state open to view.
namespace rnn::recurrent::composite {

using Tensors = std::vector<at::Tensor>;

enum class Peephole { kNone, kDiagonal, kFull };
enum class Function {
  kIdentity,
  kTanh,
  kHardTanh,
  kSoftsign,
  kRelu,
  kLeakyRelu,
  kElu,
  kSigmoid,
  kHardSigmoid,
  kElliottSigmoid
};

// What is computed at each step; by default, what PyTorch computes.
struct Equations {
  Function gate = Function::kSigmoid, activation = Function::kTanh;
  // LSTM: what the gates see of the cell, and whether the forget gate also scales what the candidate sees of h(t-1).
  Peephole peephole = Peephole::kNone;
  bool forget_in_candidate = false;
  // GRU: whether z weighs the candidate, as Chung et al. have it, or h(t-1), as PyTorch; and whether r scales what
  // comes out of the hidden weights, as in PyTorch, or what goes into them, as in the papers.
  bool update_is_candidate = false;
  bool reset_after = true;
};

// Those of one layer and direction; what a network lacks is undefined. Rows are in PyTorch's order: i, f, g, o; r, z,
// n; and z, n of MinGRU, which has no hidden weights.
struct Weights {
  at::Tensor input, hidden;
  // LSTM: (3H, H) or (3H) for i, f, o.
  at::Tensor cell;
  // LSTM: (P, H)
  at::Tensor projection;
  at::Tensor bias;
  // GRU: (H), added to what comes out of the candidate's hidden weights.
  at::Tensor inner_bias;

  // PyTorch's two biases: only the candidate of a GRU tells them apart.
  void set_biases(Family family, const at::Tensor& input_bias, const at::Tensor& hidden_bias);
};

enum class Trace {
  kNothing,
  // All gates and states: (L, N, H) each, or rows (ΣL, H) as the input has.
  kGates,
  // Zeros of the same shape, added to h(t) and c(t), whose gradients are therefore those of h(t) and c(t).
  kProbes
};

struct Result {
  at::Tensor output;
  Tensors finals;
  // Of each layer and direction, by the step of the input that it belongs to.
  std::vector<Tensors> traces;
};

// input (L, N, I), or the rows (ΣL, I) of a packed sequence where there are batch sizes, which decrease; states (layers
// * directions, N, H) each; weights of each layer and direction in PyTorch's order.
Result forward(const Network& network, const Equations& equations, const at::Tensor& input,
               const std::vector<int64_t>& batch_sizes, const Tensors& states, const std::vector<Weights>& weights,
               Trace trace);

}  // namespace rnn::recurrent::composite
