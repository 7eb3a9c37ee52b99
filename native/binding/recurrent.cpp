#include "binding/recurrent.h"

#include <ATen/ops/gru.h>
#include <ATen/ops/lstm.h>
#include <ATen/ops/rnn_relu.h>
#include <ATen/ops/rnn_tanh.h>
#include <ATen/ops/zeros.h>

#include <sstream>

#include "binding/addon.h"
#include "binding/cells.h"

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

}  // namespace

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

void check_sizes(const Shape& shape, const at::Tensor& input, const Tensors& state, const at::Tensor& weight,
                 int64_t batch) {
  TORCH_CHECK_VALUE(input.scalar_type() == weight.scalar_type(), "RNN input dtype (", python_dtype(input),
                    ") does not match weight dtype (", python_dtype(weight), "). Convert input: input.to(",
                    python_dtype(weight), "), or convert model: model.to(", python_dtype(input), ")");
  TORCH_CHECK(input.size(-1) == shape.input_size, "input.size(-1) must be equal to input_size. Expected ",
              shape.input_size, ", got ", input.size(-1));
  for (size_t i = 0; i < state.size(); i++) {
    const auto expected = shape.state_size(batch, i);
    const std::string which = shape.lstm() ? "[" + std::to_string(i) + "]" : "";
    TORCH_CHECK(state[i].sizes() == at::IntArrayRef(expected), "Expected hidden", which, " size ",
                python_list(expected, '(', ')'), ", got ", python_list(state[i].sizes(), '[', ']'));
  }
}

namespace {

Tensors run(const Shape& shape, at::Tensor input, Tensors state, const Tensors& weights) {
  check_rank(shape, input, state);
  const bool batched = input.dim() == 3;
  const int64_t batch_dim = shape.batch_first ? 0 : 1;
  if (!batched) {
    input = input.unsqueeze(batch_dim);
    for (at::Tensor& tensor : state) tensor = tensor.unsqueeze(1);
  }
  const int64_t batch = input.size(batch_dim);
  if (state.empty()) {
    for (size_t i = 0; i < (shape.lstm() ? 2 : 1); i++) {
      state.push_back(at::zeros(shape.state_size(batch, i), input.options()));
    }
  }
  check_sizes(shape, input, state, weights.at(0), batch);

  Tensors results;
  const auto call = [&](auto function) {
    const auto [output, hidden] = function(input, state[0], weights, shape.bias, shape.layers, shape.dropout,
                                           shape.train, shape.bidirectional, shape.batch_first);
    results = {output, hidden};
  };
  switch (shape.recurrence) {
    case Recurrence::kLstm: {
      const auto [output, hidden, cell] = at::lstm(input, state, weights, shape.bias, shape.layers, shape.dropout,
                                                   shape.train, shape.bidirectional, shape.batch_first);
      results = {output, hidden, cell};
      break;
    }
    case Recurrence::kGru:
      call([](auto&&... args) { return at::gru(args...); });
      break;
    case Recurrence::kRnnTanh:
      call([](auto&&... args) { return at::rnn_tanh(args...); });
      break;
    case Recurrence::kRnnRelu:
      call([](auto&&... args) { return at::rnn_relu(args...); });
      break;
  }
  if (!batched) {
    results[0] = results[0].squeeze(batch_dim);
    for (size_t i = 1; i < results.size(); i++) results[i] = results[i].squeeze(1);
  }
  return results;
}

// recurrent('RNN_TANH' | 'RNN_RELU' | 'LSTM' | 'GRU', shape, input, state or [], weights) -> output and final states
Napi::Value recurrent(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  const Shape shape(info[0].ToString(), info[1].ToObject());
  const Cells input(addon, info[2]);
  const Cells state(addon, info[3]);
  const Cells weights(addon, info[4]);
  const auto ids =
      addon.dispatch(shape.lstm() ? 3 : 2, [=] { return run(shape, input.get().at(0), state.get(), weights.get()); });
  addon.account(env);
  Napi::Array results = Napi::Array::New(env, ids.size());
  for (uint32_t i = 0; i < ids.size(); i++) results.Set(i, ids[i]);
  return results;
}

}  // namespace

void init_recurrent(Napi::Object exports) { define<recurrent>(exports, "recurrent"); }

}  // namespace rnn
