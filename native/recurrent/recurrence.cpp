#include "recurrent/recurrence.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <array>

#include "recurrent/equations.h"
#include "recurrent/libtorch.h"

namespace rnn::recurrent {
namespace {

using composite::add_product;
using composite::columns;
using composite::Layer;
using composite::mixed;
using composite::normalized;
using composite::Peephole;
using composite::State;

State rnn_step(const Layer& layer, const at::Tensor& x, const State& before, const State& probe, Tensors& gates) {
  const at::Tensor hidden =
      layer.next_hidden(layer.activation(at::addmm(x, before.hidden, layer.hidden)), before, probe);
  gates = {hidden};
  return {hidden, {}};
}

State lstm_step(const Layer& layer, const at::Tensor& x, const State& before, const State& probe, Tensors& gates) {
  at::Tensor sums, candidate_hidden;
  if (layer.equations.forget_in_candidate) {
    const at::Tensor recurrent = normalized(at::matmul(before.hidden, layer.hidden), layer.weights.hidden_gain);
    candidate_hidden = columns(recurrent, 2 * layer.size, 3 * layer.size);
    sums = x + recurrent;
  } else {
    sums = add_product(x, before.hidden, layer.hidden, layer.weights.hidden_gain);
  }
  at::Tensor input_forget = columns(sums, 0, 2 * layer.size);
  if (layer.equations.peephole == Peephole::kFull) {
    input_forget = at::addmm(input_forget, before.cell_state, layer.input_forget_cell);
  } else if (layer.equations.peephole == Peephole::kDiagonal) {
    input_forget =
        at::addcmul(input_forget, at::cat({before.cell_state, before.cell_state}, 1), layer.input_forget_cell);
  }
  input_forget = layer.gate(input_forget);
  const at::Tensor i = columns(input_forget, 0, layer.size);
  const at::Tensor f = columns(input_forget, layer.size, 2 * layer.size);
  const at::Tensor g = layer.activation(
      layer.equations.forget_in_candidate ? at::addcmul(columns(x, 2 * layer.size, 3 * layer.size), candidate_hidden, f)
                                          : columns(sums, 2 * layer.size, 3 * layer.size));
  const at::Tensor fresh = at::addcmul(f * before.cell_state, i, g);
  const at::Tensor cell_state = layer.next(fresh, before.cell_state, layer.equations.cell_zoneout, probe.cell_state);
  // Zoneout acts on the memory: h is computed from c without it.
  const at::Tensor& current = layer.equations.cell_zoneout > 0 ? fresh : cell_state;
  at::Tensor o = columns(sums, 3 * layer.size, 4 * layer.size);
  if (layer.equations.peephole == Peephole::kFull) {
    o = at::addmm(o, current, layer.output_cell);
  } else if (layer.equations.peephole == Peephole::kDiagonal) {
    o = at::addcmul(o, current, layer.output_cell);
  }
  o = layer.gate(o);
  at::Tensor hidden = o * layer.activation(normalized(current, layer.weights.cell_gain, layer.weights.cell_bias));
  if (layer.projection.defined()) hidden = at::matmul(hidden, layer.projection);
  hidden = layer.next_hidden(hidden, before, probe);
  gates = {i, f, g, o, cell_state, hidden};
  return {hidden, cell_state};
}

State gru_step(const Layer& layer, const at::Tensor& x, const State& before, const State& probe, Tensors& gates) {
  at::Tensor reset_update, n;
  const at::Tensor x_gates = columns(x, 0, 2 * layer.size);
  const at::Tensor x_candidate = columns(x, 2 * layer.size, 3 * layer.size);
  if (layer.equations.reset_after) {
    const at::Tensor recurrent =
        layer.normalized_gates(at::matmul(before.hidden, layer.hidden), layer.weights.hidden_gain);
    reset_update = layer.gate(x_gates + columns(recurrent, 0, 2 * layer.size));
    at::Tensor inner = columns(recurrent, 2 * layer.size, 3 * layer.size);
    if (layer.weights.inner_bias.defined()) inner = inner + layer.weights.inner_bias;
    n = layer.activation(at::addcmul(x_candidate, columns(reset_update, 0, layer.size), inner));
  } else {
    reset_update = layer.gate(add_product(x_gates, before.hidden, layer.gates_hidden, layer.gates_gain));
    n = layer.activation(add_product(x_candidate, columns(reset_update, 0, layer.size) * before.hidden,
                                     layer.candidate_hidden, layer.candidate_gain));
  }
  const at::Tensor z = columns(reset_update, layer.size, 2 * layer.size);
  at::Tensor hidden = layer.equations.update_is_candidate ? mixed(before.hidden, n, z) : mixed(n, before.hidden, z);
  hidden = layer.next_hidden(hidden, before, probe);
  gates = {columns(reset_update, 0, layer.size), z, n, hidden};
  return {hidden, {}};
}

// z and n depend only on the input, not on h.
State min_gru_step(const Layer& layer, const at::Tensor& x, const State& before, const State& probe, Tensors& gates) {
  const at::Tensor z = layer.gate(columns(x, 0, layer.size));
  const at::Tensor n = layer.activation(columns(x, layer.size, 2 * layer.size));
  const at::Tensor hidden = layer.next_hidden(mixed(before.hidden, n, z), before, probe);
  gates = {z, n, hidden};
  return {hidden, {}};
}

constexpr std::array kRecurrences = {
    Recurrence{.name = "RNN_TANH",
               .module = "RNN",
               .gates = 1,
               .states = 1,
               .traced = 1,
               .step = rnn_step,
               .kernel = CellKind::kRnnTanh,
               .network = libtorch_rnn_tanh,
               .cell = libtorch_rnn_tanh_cell,
               .cudnn_mode = 1},
    Recurrence{.name = "RNN_RELU",
               .module = "RNN",
               .gates = 1,
               .states = 1,
               .traced = 1,
               .step = rnn_step,
               .kernel = CellKind::kRnnRelu,
               .network = libtorch_rnn_relu,
               .cell = libtorch_rnn_relu_cell,
               .cudnn_mode = 0},
    // i, f, g, o, c, h
    Recurrence{.name = "LSTM",
               .module = "LSTM",
               .gates = 4,
               .states = 2,
               .traced = 6,
               .step = lstm_step,
               .kernel = CellKind::kLstm,
               .network = libtorch_lstm,
               .cell = libtorch_lstm_cell,
               .cudnn_mode = 2},
    // r, z, n, h
    Recurrence{.name = "GRU",
               .module = "GRU",
               .gates = 3,
               .states = 1,
               .candidate_apart = true,
               .traced = 4,
               .step = gru_step,
               .kernel = CellKind::kGru,
               .network = libtorch_gru,
               .cell = libtorch_gru_cell,
               .cudnn_mode = 3},
    // z, n, h
    Recurrence{.name = "MIN_GRU", .module = "MinGRU", .gates = 2, .states = 1, .traced = 3, .step = min_gru_step},
};

}  // namespace

const Recurrence& recurrence_of(std::string_view name) {
  const auto found =
      std::find_if(kRecurrences.begin(), kRecurrences.end(), [&](const Recurrence& row) { return row.name == name; });
  TORCH_CHECK_VALUE(found != kRecurrences.end(), "there is no recurrence '", name, "'");
  return *found;
}

}  // namespace rnn::recurrent
