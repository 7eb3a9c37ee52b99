#include "recurrent/composite.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

namespace rnn::recurrent::composite {
namespace {

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
    State state = network.recurrence->step(layer, inputs[t], running.before(inputs[t].size(0)), probe, gates);
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
