#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "recurrent/plan.h"
#include "runtime/tensors.h"

// What the steps of recurrence.cpp are made of.
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

  // Sets PyTorch's two biases, which are added up, except for a candidate apart.
  void set_biases(const Recurrence& recurrence, const at::Tensor& input_bias, const at::Tensor& hidden_bias);
};

struct State {
  at::Tensor hidden, cell_state;
};

inline at::Tensor rows(const at::Tensor& weight, int64_t from, int64_t to) { return weight.narrow(0, from, to - from); }
inline at::Tensor columns(const at::Tensor& x, int64_t from, int64_t to) { return x.narrow(-1, from, to - from); }

// (1 - weight) a + weight b. Under autocast, states and gates may have different dtypes, which lerp refuses.
at::Tensor mixed(const at::Tensor& a, const at::Tensor& b, const at::Tensor& weight);

// Without a gain, x itself.
at::Tensor normalized(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias = {});

// x + hidden weight, the product normalized if there is a gain.
at::Tensor add_product(const at::Tensor& x, const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& gain);

// One layer in one direction: everything that is the same at all steps is computed once. The equations and weights must
// outlive it.
class Layer {
 public:
  Layer(const Network& network, const Equations& equations, const Weights& weights);

  // The input of all steps, multiplied by the input weights, plus the bias.
  at::Tensor products(const at::Tensor& input) const;

  at::Tensor gate(const at::Tensor& x) const;
  at::Tensor activation(const at::Tensor& x) const;
  // The gates are normalized together, except for a candidate apart.
  at::Tensor normalized_gates(const at::Tensor& x, const at::Tensor& gain) const;
  // The state after zoneout, which in evaluation is its mean, and with the probe.
  at::Tensor next(const at::Tensor& state, const at::Tensor& before, double zoneout, const at::Tensor& probe) const;
  at::Tensor next_hidden(const at::Tensor& fresh, const State& before, const State& probe) const;

  const Recurrence& recurrence;
  const Equations& equations;
  const Weights& weights;
  // The number of units.
  const int64_t size;
  const bool train;
  // Weights, transposed for products with rows; the diagonal ones are vectors.
  at::Tensor hidden, gates_hidden, candidate_hidden, projection, input_forget_cell, output_cell;
  at::Tensor gates_gain, candidate_gain;
};

}  // namespace rnn::recurrent::composite
