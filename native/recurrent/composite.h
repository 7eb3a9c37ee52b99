#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "recurrent/plan.h"
#include "runtime/tensors.h"

// Recurrent networks as loops of ATen operations: slower than fused kernels, but differentiable any number of times,
// with configurable equations and traceable gates and states.
namespace rnn::recurrent::composite {

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

// The equations of each step; by default, PyTorch's.
struct Equations {
  Function gate = Function::kSigmoid, activation = Function::kTanh;
  // LSTM: what the gates see of the cell state, and whether the forget gate also scales the recurrent input of the
  // candidate.
  Peephole peephole = Peephole::kNone;
  bool forget_in_candidate = false;
  // GRU: whether z weighs the candidate, as in Chung et al., or h(t-1), as in PyTorch; and whether r scales the output
  // of the hidden weights, as in PyTorch, or their input, as in the papers.
  bool update_is_candidate = false;
  bool reset_after = true;
  // The probability that a unit keeps its previous h, and that of an LSTM's c.
  double zoneout = 0, cell_zoneout = 0;

  bool zones_out() const { return zoneout > 0 || cell_zoneout > 0; }
};

// The weights of one layer and direction; absent ones are undefined. Rows are in PyTorch's order: i, f, g, o; r, z, n;
// and z, n for MinGRU, which has no hidden weights.
struct Weights {
  at::Tensor input, hidden;
  // LSTM: (3H, H) or (3H) for i, f, o.
  at::Tensor cell;
  // LSTM: (P, H)
  at::Tensor projection;
  at::Tensor bias;
  // GRU: (H), added to the output of the candidate's hidden weights.
  at::Tensor inner_bias;
  // Layer normalization of what the input and the hidden weights give, one gain per row; and that of an LSTM's cell
  // state, gain and bias (H).
  at::Tensor input_gain, hidden_gain, cell_gain, cell_bias;

  // Sets PyTorch's two biases, which differ only for the candidate of a GRU; elsewhere they are added up.
  void set_biases(Family family, const at::Tensor& input_bias, const at::Tensor& hidden_bias);
};

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
