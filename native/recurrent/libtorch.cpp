#include <ATen/autocast_mode.h>
#include <ATen/ops/gru.h>
#include <ATen/ops/lstm.h>
#include <ATen/ops/rnn_relu.h>
#include <ATen/ops/rnn_tanh.h>

#include "recurrent/network.h"

namespace rnn::recurrent {
namespace {

// What autocast makes of the arguments. LibTorch asks whether oneDNN has an LSTM for their dtype before it casts them,
// and then takes one that processors without AVX-512 do not have.
NetworkCall cast(NetworkCall call) {
  if (!call.input.is_cpu() || !at::autocast::is_autocast_enabled(at::kCPU)) return call;
  const at::ScalarType dtype = at::autocast::get_autocast_dtype(at::kCPU);
  const auto cast_one = [dtype](at::Tensor& tensor) { tensor = at::autocast::cached_cast(dtype, tensor, at::kCPU); };
  cast_one(call.input);
  for (at::Tensor& state : call.state) cast_one(state);
  for (at::Tensor& weight : call.weights) cast_one(weight);
  return call;
}

}  // namespace

std::vector<at::Tensor> run_libtorch(const NetworkCall& given) {
  const NetworkCall call = given.network.lstm() ? cast(given) : given;
  const Network& net = call.network;
  const auto with_layout = [&](auto function, const auto& state) {
    if (call.batch_sizes.defined()) {
      return function(call.input, call.batch_sizes, state, call.weights, net.bias, net.layers, net.dropout, net.train,
                      net.bidirectional);
    }
    return function(call.input, state, call.weights, net.bias, net.layers, net.dropout, net.train, net.bidirectional,
                    call.batch_first);
  };
  const auto of_one_state = [&](auto function) -> std::vector<at::Tensor> {
    auto [output, hidden] = with_layout(function, call.state.at(0));
    return {std::move(output), std::move(hidden)};
  };
  switch (net.cell) {
    case CellKind::kLstm: {
      auto [output, hidden, cell] =
          with_layout([](auto&&... args) { return at::lstm(args...); }, at::TensorList(call.state));
      return {std::move(output), std::move(hidden), std::move(cell)};
    }
    case CellKind::kGru:
      return of_one_state([](auto&&... args) { return at::gru(args...); });
    case CellKind::kRnnTanh:
      return of_one_state([](auto&&... args) { return at::rnn_tanh(args...); });
    case CellKind::kRnnRelu:
      return of_one_state([](auto&&... args) { return at::rnn_relu(args...); });
  }
  return {};
}

}  // namespace rnn::recurrent
