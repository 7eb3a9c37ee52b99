#include <ATen/ops/gru_cell.h>
#include <ATen/ops/lstm_cell.h>
#include <ATen/ops/rnn_relu_cell.h>
#include <ATen/ops/rnn_tanh_cell.h>
#include <ATen/ops/zeros.h>

#include "binding/addon.h"
#include "binding/cells.h"

namespace rnn::binding {
namespace {

using Tensors = std::vector<at::Tensor>;

// The checks of torch/nn/modules/rnn.py, in its words; those of sizes are LibTorch's own.
void check_rank(const std::string& kind, const at::Tensor& input, const Tensors& state) {
  const bool lstm = kind == "LSTM";
  const std::string name = (lstm || kind == "GRU" ? kind : "RNN") + "Cell";
  TORCH_CHECK_VALUE(input.dim() == 1 || input.dim() == 2, name, ": Expected input to be 1D or 2D, got ", input.dim(),
                    "D instead");
  for (size_t i = 0; i < state.size(); i++) {
    const std::string which = lstm ? "hx[" + std::to_string(i) + "]" : "hidden";
    TORCH_CHECK_VALUE(state[i].dim() == 1 || state[i].dim() == 2, name, ": Expected ", which, " to be 1D or 2D, got ",
                      state[i].dim(), "D instead");
  }
}

Tensors run(const std::string& kind, int64_t hidden_size, at::Tensor input, Tensors state, const Tensors& weights) {
  check_rank(kind, input, state);
  const bool lstm = kind == "LSTM";
  const bool batched = input.dim() == 2;
  if (!batched) {
    input = input.unsqueeze(0);
    for (at::Tensor& tensor : state) tensor = tensor.unsqueeze(0);
  }
  if (state.empty()) {
    const at::Tensor zeros = at::zeros({input.size(0), hidden_size}, input.options());
    state.assign(lstm ? 2 : 1, zeros);
  }
  const bool bias = weights.size() > 2;
  const auto call = [&](auto function, const auto& hx) {
    return bias ? function(input, hx, weights.at(0), weights.at(1), weights.at(2), weights.at(3))
                : function(input, hx, weights.at(0), weights.at(1), std::nullopt, std::nullopt);
  };
  Tensors results;
  if (lstm) {
    const auto [hidden, cell] = call([](const auto&... args) { return at::lstm_cell(args...); }, at::TensorList(state));
    results = {hidden, cell};
  } else if (kind == "GRU") {
    results = {call([](const auto&... args) { return at::gru_cell(args...); }, state[0])};
  } else if (kind == "RNN_RELU") {
    results = {call([](const auto&... args) { return at::rnn_relu_cell(args...); }, state[0])};
  } else {
    results = {call([](const auto&... args) { return at::rnn_tanh_cell(args...); }, state[0])};
  }
  if (!batched) {
    for (at::Tensor& tensor : results) tensor = tensor.squeeze(0);
  }
  return results;
}

// recurrentCell('RNN_TANH' | 'RNN_RELU' | 'LSTM' | 'GRU', hiddenSize, input, state or [], weights) -> the next state
Napi::Value recurrent_cell(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  const std::string kind = info[0].ToString();
  const int64_t hidden_size = info[1].ToNumber();
  const Cells input(addon, info[2]);
  const Cells state(addon, info[3]);
  const Cells weights(addon, info[4]);
  const auto ids = addon.dispatch(
      kind == "LSTM" ? 2 : 1, [=] { return run(kind, hidden_size, input.get().at(0), state.get(), weights.get()); });
  addon.account(env);
  Napi::Array results = Napi::Array::New(env, ids.size());
  for (uint32_t i = 0; i < ids.size(); i++) results.Set(i, ids[i]);
  return results;
}

}  // namespace

void init_recurrent_cell(Napi::Object exports) { define<recurrent_cell>(exports, "recurrentCell"); }

}  // namespace rnn::binding
