#include "recurrent/composite.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dropout.h>
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
#include <ATen/ops/stack.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>

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

at::Tensor rows(const at::Tensor& weight, int64_t from, int64_t to) { return weight.narrow(0, from, to - from); }
at::Tensor columns(const at::Tensor& x, int64_t from, int64_t to) { return x.narrow(-1, from, to - from); }

// (1 - weight) a + weight b. Under autocast, states and gates may have different dtypes, which lerp refuses.
at::Tensor mixed(const at::Tensor& a, const at::Tensor& b, const at::Tensor& weight) {
  const at::ScalarType type = at::promote_types(a.scalar_type(), b.scalar_type());
  return at::lerp(a.to(type), b.to(type), weight.to(type));
}

// Without a gain, x itself.
at::Tensor normalized(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias = {}) {
  return gain.defined() ? at::layer_norm(x, {x.size(-1)}, gain, bias) : x;
}

at::Tensor add_product(const at::Tensor& x, const at::Tensor& hidden, const at::Tensor& weight,
                       const at::Tensor& gain) {
  if (!gain.defined()) return at::addmm(x, hidden, weight);
  return x + normalized(at::matmul(hidden, weight), gain);
}

struct State {
  at::Tensor hidden, cell_state;
};

// One layer in one direction: everything that is the same at all steps is computed once.
class Layer {
 public:
  Layer(const Network& network, const Equations& equations, const Weights& weights)
      : family_(network.recurrence->family),
        equations_(equations),
        size_(network.units),
        train_(network.train),
        weights_(weights) {
    if (weights.hidden.defined()) hidden_ = weights.hidden.t();
    if (family_ == Family::kGru && !equations.reset_after) {
      gates_hidden_ = rows(weights.hidden, 0, 2 * size_).t();
      candidate_hidden_ = rows(weights.hidden, 2 * size_, 3 * size_).t();
      if (weights.hidden_gain.defined()) {
        gates_gain_ = rows(weights.hidden_gain, 0, 2 * size_);
        candidate_gain_ = rows(weights.hidden_gain, 2 * size_, 3 * size_);
      }
    }
    if (weights.projection.defined()) projection_ = weights.projection.t();
    if (equations.peephole == Peephole::kFull) {
      input_forget_cell_ = rows(weights.cell, 0, 2 * size_).t();
      output_cell_ = rows(weights.cell, 2 * size_, 3 * size_).t();
    } else if (equations.peephole == Peephole::kDiagonal) {
      input_forget_cell_ = rows(weights.cell, 0, 2 * size_);
      output_cell_ = rows(weights.cell, 2 * size_, 3 * size_);
    }
  }

  // The input of all steps, multiplied by the input weights, plus the bias.
  at::Tensor products(const at::Tensor& input) const {
    if (!weights_.input_gain.defined()) return at::linear(input, weights_.input, weights_.bias);
    const at::Tensor sums = normalized_gates(at::linear(input, weights_.input), weights_.input_gain);
    return weights_.bias.defined() ? sums + weights_.bias : sums;
  }

  // Computes the next state from the `products` of x(t), and the previous state. Appends the gates to `gates`.
  State step(const at::Tensor& x, const State& before, const State& probe, Tensors& gates) const {
    switch (family_) {
      case Family::kRnn:
        return rnn(x, before, probe, gates);
      case Family::kLstm:
        return lstm(x, before, probe, gates);
      case Family::kGru:
        return gru(x, before, probe, gates);
      case Family::kMinGru:
        return min_gru(x, before, probe, gates);
    }
    C10_THROW_ERROR(Error, "no such recurrence");
  }

 private:
  at::Tensor gate(const at::Tensor& x) const { return apply(equations_.gate, x); }
  at::Tensor activation(const at::Tensor& x) const { return apply(equations_.activation, x); }

  // An LSTM's gates are normalized together; so are those of a GRU, but not with its candidate.
  at::Tensor normalized_gates(const at::Tensor& x, const at::Tensor& gain) const {
    if (family_ != Family::kGru || !gain.defined()) return normalized(x, gain);
    return at::cat({normalized(columns(x, 0, 2 * size_), rows(gain, 0, 2 * size_)),
                    normalized(columns(x, 2 * size_, 3 * size_), rows(gain, 2 * size_, 3 * size_))},
                   -1);
  }

  // The state after zoneout, which in evaluation is its mean, and with the probe.
  at::Tensor next(const at::Tensor& state, const at::Tensor& before, double zoneout, const at::Tensor& probe) const {
    at::Tensor kept = state;
    if (zoneout > 0) {
      const at::Tensor share = at::empty_like(state);
      kept = mixed(state, before, train_ ? share.bernoulli_(zoneout) : share.fill_(zoneout));
    }
    return probe.defined() ? kept + probe : kept;
  }

  at::Tensor next_hidden(const at::Tensor& hidden, const State& before, const State& probe) const {
    return next(hidden, before.hidden, equations_.zoneout, probe.hidden);
  }

  State rnn(const at::Tensor& x, const State& before, const State& probe, Tensors& gates) const {
    const at::Tensor hidden = next_hidden(activation(at::addmm(x, before.hidden, hidden_)), before, probe);
    gates = {hidden};
    return {hidden, {}};
  }

  State lstm(const at::Tensor& x, const State& before, const State& probe, Tensors& gates) const {
    at::Tensor sums, candidate_hidden;
    if (equations_.forget_in_candidate) {
      const at::Tensor recurrent = normalized(at::matmul(before.hidden, hidden_), weights_.hidden_gain);
      candidate_hidden = columns(recurrent, 2 * size_, 3 * size_);
      sums = x + recurrent;
    } else {
      sums = add_product(x, before.hidden, hidden_, weights_.hidden_gain);
    }
    at::Tensor input_forget = columns(sums, 0, 2 * size_);
    if (equations_.peephole == Peephole::kFull) {
      input_forget = at::addmm(input_forget, before.cell_state, input_forget_cell_);
    } else if (equations_.peephole == Peephole::kDiagonal) {
      input_forget = at::addcmul(input_forget, at::cat({before.cell_state, before.cell_state}, 1), input_forget_cell_);
    }
    input_forget = gate(input_forget);
    const at::Tensor i = columns(input_forget, 0, size_);
    const at::Tensor f = columns(input_forget, size_, 2 * size_);
    const at::Tensor g =
        activation(equations_.forget_in_candidate ? at::addcmul(columns(x, 2 * size_, 3 * size_), candidate_hidden, f)
                                                  : columns(sums, 2 * size_, 3 * size_));
    const at::Tensor fresh = at::addcmul(f * before.cell_state, i, g);
    const at::Tensor cell_state = next(fresh, before.cell_state, equations_.cell_zoneout, probe.cell_state);
    // Zoneout acts on the memory: h is computed from c without it.
    const at::Tensor& current = equations_.cell_zoneout > 0 ? fresh : cell_state;
    at::Tensor o = columns(sums, 3 * size_, 4 * size_);
    if (equations_.peephole == Peephole::kFull) {
      o = at::addmm(o, current, output_cell_);
    } else if (equations_.peephole == Peephole::kDiagonal) {
      o = at::addcmul(o, current, output_cell_);
    }
    o = gate(o);
    at::Tensor hidden = o * activation(normalized(current, weights_.cell_gain, weights_.cell_bias));
    if (projection_.defined()) hidden = at::matmul(hidden, projection_);
    hidden = next_hidden(hidden, before, probe);
    gates = {i, f, g, o, cell_state, hidden};
    return {hidden, cell_state};
  }

  State gru(const at::Tensor& x, const State& before, const State& probe, Tensors& gates) const {
    at::Tensor reset_update, n;
    const at::Tensor x_gates = columns(x, 0, 2 * size_);
    const at::Tensor x_candidate = columns(x, 2 * size_, 3 * size_);
    if (equations_.reset_after) {
      const at::Tensor recurrent = normalized_gates(at::matmul(before.hidden, hidden_), weights_.hidden_gain);
      reset_update = gate(x_gates + columns(recurrent, 0, 2 * size_));
      at::Tensor inner = columns(recurrent, 2 * size_, 3 * size_);
      if (weights_.inner_bias.defined()) inner = inner + weights_.inner_bias;
      n = activation(at::addcmul(x_candidate, columns(reset_update, 0, size_), inner));
    } else {
      reset_update = gate(add_product(x_gates, before.hidden, gates_hidden_, gates_gain_));
      n = activation(add_product(x_candidate, columns(reset_update, 0, size_) * before.hidden, candidate_hidden_,
                                 candidate_gain_));
    }
    const at::Tensor z = columns(reset_update, size_, 2 * size_);
    at::Tensor hidden = equations_.update_is_candidate ? mixed(before.hidden, n, z) : mixed(n, before.hidden, z);
    hidden = next_hidden(hidden, before, probe);
    gates = {columns(reset_update, 0, size_), z, n, hidden};
    return {hidden, {}};
  }

  // z and n depend only on the input, not on h.
  State min_gru(const at::Tensor& x, const State& before, const State& probe, Tensors& gates) const {
    const at::Tensor z = gate(columns(x, 0, size_));
    const at::Tensor n = activation(columns(x, size_, 2 * size_));
    const at::Tensor hidden = next_hidden(mixed(before.hidden, n, z), before, probe);
    gates = {z, n, hidden};
    return {hidden, {}};
  }

  const Family family_;
  const Equations& equations_;
  const int64_t size_;
  const bool train_;
  const Weights& weights_;
  // Weights, transposed for products with rows; the diagonal ones are vectors.
  at::Tensor hidden_, gates_hidden_, candidate_hidden_, projection_, input_forget_cell_, output_cell_;
  at::Tensor gates_gain_, candidate_gain_;
};

// Zeros to be added to a state at every step.
at::Tensor probe_like(const at::Tensor& input, const at::Tensor& state) {
  std::vector<int64_t> sizes = input.sizes().vec();
  sizes.back() = state.size(1);
  return at::zeros(sizes, input.options()).requires_grad_(true);
}

// Splits a tensor of all steps and joins it again: along its first dimension, or by the rows of each step.
struct Steps {
  const std::vector<int64_t>& batch_sizes;

  Tensors split(const at::Tensor& tensor) const {
    return batch_sizes.empty() ? tensor.unbind(0) : tensor.split_with_sizes(batch_sizes, 0);
  }
  at::Tensor join(const Tensors& tensors) const { return batch_sizes.empty() ? at::stack(tensors) : at::cat(tensors); }
};

// The states of the sequences in the current step: in a packed sequence, later steps have fewer.
class Running {
 public:
  explicit Running(State initial) : initial_(std::move(initial)), state_(initial_) {}

  // The state before a step of `count` sequences: of those that continue, followed by those that start here.
  const State& before(int64_t count) {
    const int64_t running = state_.hidden.size(0);
    if (count < running) {
      if (started_) finished_.push_back(each(state_, [&](const at::Tensor& x) { return rows(x, count, running); }));
      state_ = each(state_, [&](const at::Tensor& x) { return rows(x, 0, count); });
    } else if (count > running) {
      const State begin = each(initial_, [&](const at::Tensor& x) { return rows(x, running, count); });
      state_.hidden = at::cat({state_.hidden, begin.hidden});
      if (state_.cell_state.defined()) state_.cell_state = at::cat({state_.cell_state, begin.cell_state});
    }
    started_ = true;
    return state_;
  }

  void after(State state) { state_ = std::move(state); }

  // The final states of all sequences.
  State last() const {
    if (finished_.empty()) return state_;
    Tensors hidden{state_.hidden}, cell_state{state_.cell_state};
    for (auto it = finished_.rbegin(); it != finished_.rend(); ++it) {
      hidden.push_back(it->hidden);
      cell_state.push_back(it->cell_state);
    }
    return {at::cat(hidden), state_.cell_state.defined() ? at::cat(cell_state) : at::Tensor()};
  }

 private:
  template <typename Change>
  static State each(const State& state, Change change) {
    return {change(state.hidden), state.cell_state.defined() ? change(state.cell_state) : at::Tensor()};
  }

  const State initial_;
  State state_;
  std::vector<State> finished_;
  bool started_ = false;
};

struct Sequence {
  at::Tensor output;
  State last;
  Tensors trace;
};

Sequence run(const Network& network, const Equations& equations, const at::Tensor& input, const Steps& by_steps,
             const State& first, const Weights& weights, bool reverse, Trace trace) {
  const Layer layer(network, equations, weights);
  const Tensors inputs = by_steps.split(layer.products(input));
  const size_t steps = inputs.size();
  Sequence result;
  Tensors hidden_probes, cell_probes;
  if (trace == Trace::kProbes) {
    result.trace.push_back(probe_like(input, first.hidden));
    hidden_probes = by_steps.split(result.trace.back());
    if (network.states() > 1) {
      result.trace.push_back(probe_like(input, first.cell_state));
      cell_probes = by_steps.split(result.trace.back());
    }
  }
  Running running(first);
  Tensors outputs(steps), gates;
  std::vector<Tensors> traces(trace == Trace::kGates ? network.recurrence->traced : 0, Tensors(steps));
  for (size_t i = 0; i < steps; i++) {
    const size_t t = reverse ? steps - 1 - i : i;
    State probe;
    if (!hidden_probes.empty()) probe.hidden = hidden_probes[t];
    if (!cell_probes.empty()) probe.cell_state = cell_probes[t];
    State state = layer.step(inputs[t], running.before(inputs[t].size(0)), probe, gates);
    outputs[t] = state.hidden;
    running.after(std::move(state));
    for (size_t k = 0; k < traces.size(); k++) traces[k][t] = gates[k];
  }
  result.output = by_steps.join(outputs);
  result.last = running.last();
  for (const Tensors& of_steps : traces) result.trace.push_back(by_steps.join(of_steps));
  return result;
}

}  // namespace

void Weights::set_biases(Family family, const at::Tensor& input_bias, const at::Tensor& hidden_bias) {
  if (family != Family::kGru) {
    bias = input_bias + hidden_bias;
    return;
  }
  const int64_t size = input_bias.size(0) / 3;
  bias =
      at::cat({rows(input_bias, 0, 2 * size) + rows(hidden_bias, 0, 2 * size), rows(input_bias, 2 * size, 3 * size)});
  inner_bias = rows(hidden_bias, 2 * size, 3 * size);
}

Result forward(const Network& network, const Equations& equations, const at::Tensor& input,
               const std::vector<int64_t>& batch_sizes, const Tensors& states, const std::vector<Weights>& weights,
               Trace trace) {
  TORCH_CHECK(input.size(0) > 0, "Expected sequence length to be larger than 0 in RNN");
  const int64_t directions = network.directions();
  Result result;
  Tensors hidden, cell_states;
  at::Tensor x = input;
  for (int64_t layer = 0; layer < network.layers; layer++) {
    Tensors outputs;
    for (int64_t direction = 0; direction < directions; direction++) {
      const int64_t i = layer * directions + direction;
      const State first{states[0].select(0, i), states.size() > 1 ? states[1].select(0, i) : at::Tensor()};
      Sequence sequence = run(network, equations, x, {batch_sizes}, first, weights.at(i), direction == 1, trace);
      outputs.push_back(std::move(sequence.output));
      hidden.push_back(std::move(sequence.last.hidden));
      if (network.states() > 1) cell_states.push_back(std::move(sequence.last.cell_state));
      if (trace != Trace::kNothing) result.traces.push_back(std::move(sequence.trace));
    }
    x = directions == 1 ? outputs[0] : at::cat(outputs, -1);
    if (network.train && network.dropout > 0 && layer + 1 < network.layers) {
      x = at::dropout(x, network.dropout, true);
    }
  }
  result.output = std::move(x);
  result.finals.push_back(at::stack(hidden));
  if (!cell_states.empty()) result.finals.push_back(at::stack(cell_states));
  return result;
}

}  // namespace rnn::recurrent::composite
