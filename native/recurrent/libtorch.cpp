#include "recurrent/libtorch.h"
#include "runtime/tensors.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/gru.h>
#include <ATen/ops/gru_cell.h>
#include <ATen/ops/lstm.h>
#include <ATen/ops/lstm_cell.h>
#include <ATen/ops/rnn_relu.h>
#include <ATen/ops/rnn_relu_cell.h>
#include <ATen/ops/rnn_tanh.h>
#include <ATen/ops/rnn_tanh_cell.h>

namespace rnn::recurrent {
namespace {

// Casts the arguments as autocast would. LibTorch checks for a oneDNN LSTM with the dtype before the cast, and may then
// choose one that processors without AVX-512 do not support.
NetworkCall cast(NetworkCall call) {
  if (!call.input.is_cpu() || !at::autocast::is_autocast_enabled(at::kCPU)) return call;
  const at::ScalarType dtype = at::autocast::get_autocast_dtype(at::kCPU);
  const auto cast_one = [dtype](at::Tensor& tensor) { tensor = at::autocast::cached_cast(dtype, tensor, at::kCPU); };
  cast_one(call.input);
  for (at::Tensor& state : call.state) cast_one(state);
  for (at::Tensor& weight : call.weights) cast_one(weight);
  return call;
}

template <typename Function, typename State>
auto with_layout(const NetworkCall& call, Function function, const State& state) {
  const Network& net = call.network;
  if (call.batch_sizes.defined()) {
    return function(call.input, call.batch_sizes, state, call.weights, net.bias, net.layers, net.dropout, net.train,
                    net.bidirectional);
  }
  return function(call.input, state, call.weights, net.bias, net.layers, net.dropout, net.train, net.bidirectional,
                  call.batch_first);
}

template <typename Function>
Tensors of_one_state(const NetworkCall& call, Function function) {
  auto [output, hidden] = with_layout(call, function, call.state.at(0));
  return {std::move(output), std::move(hidden)};
}

template <typename Function, typename State>
auto step(const CellCall& call, Function function, const State& state) {
  return function(call.input, state, call.weight_input, call.weight_hidden, call.bias_input, call.bias_hidden);
}

}  // namespace

Tensors libtorch_rnn_tanh(const NetworkCall& call) {
  return of_one_state(call, [](auto&&... args) { return at::rnn_tanh(args...); });
}

Tensors libtorch_rnn_relu(const NetworkCall& call) {
  return of_one_state(call, [](auto&&... args) { return at::rnn_relu(args...); });
}

Tensors libtorch_lstm(const NetworkCall& given) {
  const NetworkCall call = cast(given);
  auto [output, hidden, cell_state] =
      with_layout(call, [](auto&&... args) { return at::lstm(args...); }, at::TensorList(call.state));
  return {std::move(output), std::move(hidden), std::move(cell_state)};
}

Tensors libtorch_gru(const NetworkCall& call) {
  return of_one_state(call, [](auto&&... args) { return at::gru(args...); });
}

Tensors libtorch_rnn_tanh_cell(const CellCall& call) {
  return {step(call, [](auto&&... args) { return at::rnn_tanh_cell(args...); }, call.state.at(0))};
}

Tensors libtorch_rnn_relu_cell(const CellCall& call) {
  return {step(call, [](auto&&... args) { return at::rnn_relu_cell(args...); }, call.state.at(0))};
}

Tensors libtorch_lstm_cell(const CellCall& call) {
  auto [hidden, cell_state] =
      step(call, [](auto&&... args) { return at::lstm_cell(args...); }, at::TensorList(call.state));
  return {std::move(hidden), std::move(cell_state)};
}

Tensors libtorch_gru_cell(const CellCall& call) {
  return {step(call, [](auto&&... args) { return at::gru_cell(args...); }, call.state.at(0))};
}

Tensors run_libtorch(const NetworkCall& call) {
  const Recurrence& recurrence = *call.network.recurrence;
  TORCH_CHECK(recurrence.network != nullptr, "LibTorch has no ", recurrence.module);
  return recurrence.network(call);
}

}  // namespace rnn::recurrent
