#pragma once
#include "recurrent/network.h"

namespace rnn::recurrent {

// One step, for inputs (N, I) and states (N, H). Sizes have been checked.
struct CellCall {
  at::Tensor input;
  std::vector<at::Tensor> state;
  at::Tensor weight_input, weight_hidden;
  std::optional<at::Tensor> bias_input, bias_hidden;
};

// LibTorch's own implementations: output and last states of a network, next states of a cell.
std::vector<at::Tensor> libtorch_rnn_tanh(const NetworkCall& call);
std::vector<at::Tensor> libtorch_rnn_relu(const NetworkCall& call);
std::vector<at::Tensor> libtorch_lstm(const NetworkCall& call);
std::vector<at::Tensor> libtorch_gru(const NetworkCall& call);
std::vector<at::Tensor> libtorch_rnn_tanh_cell(const CellCall& call);
std::vector<at::Tensor> libtorch_rnn_relu_cell(const CellCall& call);
std::vector<at::Tensor> libtorch_lstm_cell(const CellCall& call);
std::vector<at::Tensor> libtorch_gru_cell(const CellCall& call);

}  // namespace rnn::recurrent
