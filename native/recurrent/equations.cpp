#include "recurrent/equations.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/elu.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/hardsigmoid.h>
#include <ATen/ops/hardtanh.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/lerp.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/tanh.h>

namespace rnn::recurrent::composite {
namespace {

at::Tensor softsign(const at::Tensor& x) { return x / (x.abs() + 1); }

at::Tensor apply(Function function, const at::Tensor& x) {
  switch (function) {
    case Function::kIdentity:
      return x;
    case Function::kTanh:
      return at::tanh(x);
    case Function::kHardTanh:
      return at::hardtanh(x);
    case Function::kSoftsign:
      return softsign(x);
    case Function::kRelu:
      return at::relu(x);
    case Function::kLeakyRelu:
      return at::leaky_relu(x);
    case Function::kElu:
      return at::elu(x);
    case Function::kSigmoid:
      return at::sigmoid(x);
    case Function::kHardSigmoid:
      return at::hardsigmoid(x);
    case Function::kElliottSigmoid:
      return softsign(x) / 2 + 0.5;
  }
  C10_THROW_ERROR(Error, "no such function");
}

// The rows of the gates before the candidate, which is the last one.
int64_t rows_before_candidate(const Recurrence& recurrence, int64_t rows) {
  return rows / recurrence.gates * (recurrence.gates - 1);
}

}  // namespace

at::Tensor mixed(const at::Tensor& a, const at::Tensor& b, const at::Tensor& weight) {
  const at::ScalarType type = at::promote_types(a.scalar_type(), b.scalar_type());
  return at::lerp(a.to(type), b.to(type), weight.to(type));
}

at::Tensor normalized(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias) {
  return gain.defined() ? at::layer_norm(x, {x.size(-1)}, gain, bias) : x;
}

at::Tensor add_product(const at::Tensor& x, const at::Tensor& hidden, const at::Tensor& weight,
                       const at::Tensor& gain) {
  if (!gain.defined()) return at::addmm(x, hidden, weight);
  return x + normalized(at::matmul(hidden, weight), gain);
}

void Weights::set_biases(const Recurrence& recurrence, const at::Tensor& input_bias, const at::Tensor& hidden_bias) {
  if (!recurrence.candidate_apart) {
    bias = input_bias + hidden_bias;
    return;
  }
  const int64_t end = input_bias.size(0), gates = rows_before_candidate(recurrence, end);
  bias = at::cat({rows(input_bias, 0, gates) + rows(hidden_bias, 0, gates), rows(input_bias, gates, end)});
  inner_bias = rows(hidden_bias, gates, end);
}

Layer::Layer(const Network& network, const Equations& equations, const Weights& weights)
    : recurrence(*network.recurrence),
      equations(equations),
      weights(weights),
      size(network.units),
      train(network.train) {
  if (weights.hidden.defined()) hidden = weights.hidden.t();
  if (!equations.reset_after) {
    gates_hidden = rows(weights.hidden, 0, 2 * size).t();
    candidate_hidden = rows(weights.hidden, 2 * size, 3 * size).t();
    if (weights.hidden_gain.defined()) {
      gates_gain = rows(weights.hidden_gain, 0, 2 * size);
      candidate_gain = rows(weights.hidden_gain, 2 * size, 3 * size);
    }
  }
  if (weights.projection.defined()) projection = weights.projection.t();
  if (equations.peephole == Peephole::kFull) {
    input_forget_cell = rows(weights.cell, 0, 2 * size).t();
    output_cell = rows(weights.cell, 2 * size, 3 * size).t();
  } else if (equations.peephole == Peephole::kDiagonal) {
    input_forget_cell = rows(weights.cell, 0, 2 * size);
    output_cell = rows(weights.cell, 2 * size, 3 * size);
  }
}

at::Tensor Layer::products(const at::Tensor& input) const {
  if (!weights.input_gain.defined()) return at::linear(input, weights.input, weights.bias);
  const at::Tensor sums = normalized_gates(at::linear(input, weights.input), weights.input_gain);
  return weights.bias.defined() ? sums + weights.bias : sums;
}

at::Tensor Layer::gate(const at::Tensor& x) const { return apply(equations.gate, x); }
at::Tensor Layer::activation(const at::Tensor& x) const { return apply(equations.activation, x); }

at::Tensor Layer::normalized_gates(const at::Tensor& x, const at::Tensor& gain) const {
  if (!recurrence.candidate_apart || !gain.defined()) return normalized(x, gain);
  const int64_t end = gain.size(0), gates = rows_before_candidate(recurrence, end);
  return at::cat({normalized(columns(x, 0, gates), rows(gain, 0, gates)),
                  normalized(columns(x, gates, end), rows(gain, gates, end))},
                 -1);
}

at::Tensor Layer::next(const at::Tensor& state, const at::Tensor& before, double zoneout,
                       const at::Tensor& probe) const {
  at::Tensor kept = state;
  if (zoneout > 0) {
    const at::Tensor share = at::empty_like(state);
    kept = mixed(state, before, train ? share.bernoulli_(zoneout) : share.fill_(zoneout));
  }
  return probe.defined() ? kept + probe : kept;
}

at::Tensor Layer::next_hidden(const at::Tensor& fresh, const State& before, const State& probe) const {
  return next(fresh, before.hidden, equations.zoneout, probe.hidden);
}

}  // namespace rnn::recurrent::composite
