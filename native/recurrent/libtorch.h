#pragma once
#include "recurrent/network.h"
#include "runtime/tensors.h"

namespace rnn::recurrent {

// One step, for inputs (N, I) and states (N, H). Sizes have been checked.
struct CellCall {
  at::Tensor input;
  Tensors state;
  at::Tensor weight_input, weight_hidden;
  std::optional<at::Tensor> bias_input, bias_hidden;
};

// LibTorch's implementations. They return output and last states of a network, or the next states of a cell.
Tensors libtorch_rnn_tanh(const NetworkCall& call);
Tensors libtorch_rnn_relu(const NetworkCall& call);
Tensors libtorch_lstm(const NetworkCall& call);
Tensors libtorch_gru(const NetworkCall& call);
Tensors libtorch_rnn_tanh_cell(const CellCall& call);
Tensors libtorch_rnn_relu_cell(const CellCall& call);
Tensors libtorch_lstm_cell(const CellCall& call);
Tensors libtorch_gru_cell(const CellCall& call);

}  // namespace rnn::recurrent
