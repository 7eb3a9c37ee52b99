#include "binding/recurrent.h"

#include <ATen/ops/gru.h>
#include <ATen/ops/lstm.h>
#include <ATen/ops/rnn_relu.h>
#include <ATen/ops/rnn_tanh.h>
#include <ATen/ops/zeros.h>

#include <sstream>
#include <tuple>

#include "binding/addon.h"
#include "binding/cells.h"
#include "binding/packed.h"

namespace rnn {
namespace {

std::string python_list(at::IntArrayRef sizes, char open, char close) {
  std::ostringstream text;
  text << open;
  for (size_t i = 0; i < sizes.size(); i++) text << (i > 0 ? ", " : "") << sizes[i];
  text << close;
  return text.str();
}

std::string python_dtype(const at::Tensor& tensor) {
  std::string name = c10::toString(tensor.scalar_type());
  if (name == "Float") return "torch.float32";
  if (name == "Double") return "torch.float64";
  if (name == "Half") return "torch.float16";
  if (name == "Long") return "torch.int64";
  for (char& letter : name) letter = static_cast<char>(std::tolower(letter));
  return "torch." + name;
}

// The checks of torch/nn/modules/rnn.py, in its order and its words. They are made here and not in TypeScript because
// the shape of a queued tensor is known only when the call runs.
void check_rank(const Shape& shape, const at::Tensor& input, const Tensors& state) {
  const int64_t rank = input.dim();
  const bool rnn = shape.recurrence == Recurrence::kRnnTanh || shape.recurrence == Recurrence::kRnnRelu;
  const char* name = shape.lstm() ? "LSTM" : rnn ? "RNN" : "GRU";
  TORCH_CHECK_VALUE(rank == 2 || rank == 3, name, ": Expected input to be 2D or 3D, got ", rank, "D ",
                    rnn ? "tensor instead" : "instead");
  if (state.empty()) return;
  const char* kind = rank == 3 ? "batched 3-D" : "unbatched 2-D";
  if (shape.lstm()) {
    TORCH_CHECK(state[0].dim() == rank && state[1].dim() == rank, "For ", kind, " input, hx and cx should also be ",
                rank, "-D but got (", state[0].dim(), "-D, ", state[1].dim(), "-D) tensors");
  } else {
    TORCH_CHECK(state[0].dim() == rank, "For ", kind, " input, hx should also be ", rank, "-D but got ", state[0].dim(),
                "-D tensor");
  }
}

void check_input(const Shape& shape, const at::Tensor& input, const at::Tensor& weight, int64_t rank) {
  TORCH_CHECK_VALUE(input.scalar_type() == weight.scalar_type(), "RNN input dtype (", python_dtype(input),
                    ") does not match weight dtype (", python_dtype(weight), "). Convert input: input.to(",
                    python_dtype(weight), "), or convert model: model.to(", python_dtype(input), ")");
  TORCH_CHECK(input.dim() == rank, "input must have ", rank, " dimensions, got ", input.dim());
  TORCH_CHECK(input.size(-1) == shape.input_size, "input.size(-1) must be equal to input_size. Expected ",
              shape.input_size, ", got ", input.size(-1));
}

void check_state(const Shape& shape, const Tensors& state, int64_t batch) {
  for (size_t i = 0; i < state.size(); i++) {
    const auto expected = shape.state_size(batch, i);
    const std::string which = shape.lstm() ? "[" + std::to_string(i) + "]" : "";
    TORCH_CHECK(state[i].sizes() == at::IntArrayRef(expected), "Expected hidden", which, " size ",
                python_list(expected, '(', ')'), ", got ", python_list(state[i].sizes(), '[', ']'));
  }
}

void fill_state(const Shape& shape, const at::Tensor& input, Tensors& state, int64_t batch) {
  for (size_t i = 0; state.size() < (shape.lstm() ? 2 : 1); i++) {
    state.push_back(at::zeros(shape.state_size(batch, i), input.options()));
  }
}

// PyTorch's equations.
Tensors standard(const Shape& shape, const at::Tensor& input, const Tensors& state, const Tensors& weights,
                 const at::Tensor& batch_sizes) {
  const auto call = [&](auto function, const auto& hx) {
    const auto results = batch_sizes.defined() ? function(input, batch_sizes, hx, weights, shape.bias, shape.layers,
                                                          shape.dropout, shape.train, shape.bidirectional)
                                               : function(input, hx, weights, shape.bias, shape.layers, shape.dropout,
                                                          shape.train, shape.bidirectional, shape.batch_first);
    return std::apply([](const auto&... tensors) { return Tensors{tensors...}; }, results);
  };
  switch (shape.recurrence) {
    case Recurrence::kLstm:
      return call([](auto&&... args) { return at::lstm(args...); }, state);
    case Recurrence::kGru:
      return call([](auto&&... args) { return at::gru(args...); }, state[0]);
    case Recurrence::kRnnRelu:
      return call([](auto&&... args) { return at::rnn_relu(args...); }, state[0]);
    case Recurrence::kRnnTanh:
      break;
  }
  return call([](auto&&... args) { return at::rnn_tanh(args...); }, state[0]);
}

Tensors run(const Shape& shape, at::Tensor input, Tensors state, const Tensors& weights, const Compute& compute) {
  check_rank(shape, input, state);
  const bool batched = input.dim() == 3;
  const int64_t batch_dim = shape.batch_first ? 0 : 1;
  if (!batched) {
    input = input.unsqueeze(batch_dim);
    for (at::Tensor& tensor : state) tensor = tensor.unsqueeze(1);
  }
  const int64_t batch = input.size(batch_dim);
  check_input(shape, input, weights.at(0), 3);
  fill_state(shape, input, state, batch);
  check_state(shape, state, batch);
  Tensors results = compute(shape, input, state, weights, {});
  if (!batched) {
    results[0] = results[0].squeeze(batch_dim);
    for (size_t i = 1; i < results.size(); i++) results[i] = results[i].squeeze(1);
  }
  return results;
}

// States come and go in the order that the sequences had before they were sorted.
Tensors run_packed(const Shape& shape, const at::Tensor& data, Tensors state, const Tensors& weights,
                   const Packing& packing, const Compute& compute) {
  check_input(shape, data, weights.at(0), 2);
  check_batch_sizes(packing.batch_sizes, data);
  const int64_t batch = packing.batch_sizes[0].item<int64_t>();
  // PyTorch permutes before it looks, and not at all in LSTM: there, a state for more sequences is cut without a word.
  check_state(shape, state, batch);
  const auto permute = [](const at::Tensor& tensor, const at::Tensor& indices) {
    return indices.defined() ? tensor.index_select(1, indices) : tensor;
  };
  for (at::Tensor& tensor : state) tensor = permute(tensor, packing.sorted_indices);
  fill_state(shape, data, state, batch);
  Tensors results = compute(shape, data, state, weights, packing.batch_sizes);
  for (size_t i = 1; i < results.size(); i++) results[i] = permute(results[i], packing.unsorted_indices);
  return results;
}

}  // namespace

Tensors run_recurrent(const Shape& shape, const at::Tensor& input, const Tensors& state, const Tensors& weights,
                      const Packing& packing, const Compute& compute) {
  if (packing.batch_sizes.defined()) return run_packed(shape, input, state, weights, packing, compute);
  return run(shape, input, state, weights, compute);
}

namespace {

// recurrent('RNN_TANH' | 'RNN_RELU' | 'LSTM' | 'GRU', shape, input, state or [], weights, packing or []) -> output,
// final states, and the packing again, as tensors that the packed output can own
Napi::Value recurrent(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  const Shape shape(info[0].ToString(), info[1].ToObject());
  const Cells input(addon, info[2]);
  const Cells state(addon, info[3]);
  const Cells weights(addon, info[4]);
  const Cells packing(addon, info[5]);
  const auto ids = addon.dispatch((shape.lstm() ? 3 : 2) + packing.size(), [=] {
    const Tensors tensors = packing.get();
    Tensors results = run_recurrent(shape, input.get().at(0), state.get(), weights.get(), Packing(tensors), standard);
    results.insert(results.end(), tensors.begin(), tensors.end());
    return results;
  });
  addon.account(env);
  Napi::Array results = Napi::Array::New(env, ids.size());
  for (uint32_t i = 0; i < ids.size(); i++) results.Set(i, ids[i]);
  return results;
}

}  // namespace

void init_recurrent(Napi::Object exports) { define<recurrent>(exports, "recurrent"); }

}  // namespace rnn
