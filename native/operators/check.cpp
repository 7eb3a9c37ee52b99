#include "operators/check.h"

#include <algorithm>
#include <array>
#include <utility>

namespace rnn::operators {
namespace {

using at::Tensor;
using Stack = std::vector<c10::IValue>;

void check_size(const char* name, const std::string& argument, const Tensor& tensor, at::IntArrayRef size) {
  TORCH_CHECK(tensor.defined() && tensor.sizes() == size, name, ": ", argument, " should have the shape ", size,
              ", but got ", tensor.defined() ? tensor.sizes() : at::IntArrayRef());
}

// lstm, gru, rnn_tanh, rnn_relu: (input, hx, params, has_biases, num_layers, dropout, train, bidirectional,
// batch_first) or (data, batch_sizes, hx, params, …). hx is a list only for lstm.
void check_network(const char* name, int64_t gates, const Stack& stack) {
  const bool packed = stack.at(3).isTensorList();
  const Tensor input = stack[0].toTensor();
  const c10::IValue& hx = stack[packed ? 2 : 1];
  const std::vector<Tensor> params = stack[packed ? 3 : 2].toTensorVector();
  const size_t next = packed ? 4 : 3;
  const bool biases = stack.at(next).toBool();
  const int64_t layers = stack.at(next + 1).toInt(), directions = stack.at(next + 4).toBool() ? 2 : 1;
  const bool lstm = hx.isTensorList();
  const std::vector<Tensor> state = lstm ? hx.toTensorVector() : std::vector<Tensor>{hx.toTensor()};
  TORCH_CHECK(state.size() == (lstm ? 2 : 1), name, " expects two hidden states, but got ", state.size());
  TORCH_CHECK_VALUE(layers > 0 && layers <= static_cast<int64_t>(params.size()), name,
                    ": num_layers should fit the number of params, ", params.size(), ", but got ", layers);
  const int64_t rank = packed ? 2 : 3;
  TORCH_CHECK(input.dim() == rank, name, ": the input should be ", rank, "-D, but got ", input.dim(), "-D");
  if (packed) check_batch_sizes(stack[1].toTensor(), input);
  const int64_t batch =
      packed ? stack[1].toTensor()[0].item<int64_t>() : input.size(stack.at(next + 5).toBool() ? 0 : 1);
  for (const Tensor& tensor : state) {
    TORCH_CHECK(tensor.dim() == 3, name, ": hx should be 3-D, but got ", tensor.dim(), "-D");
  }
  const int64_t outputs = state[0].size(2), units = state.back().size(2);
  check_size(name, lstm ? "hx[0]" : "hx", state[0], {layers * directions, batch, outputs});
  if (lstm) check_size(name, "hx[1]", state[1], {layers * directions, batch, units});
  const bool projects = outputs != units;
  const size_t each = 2 + (biases ? 2 : 0) + (projects ? 1 : 0);
  TORCH_CHECK(params.size() == each * static_cast<size_t>(layers * directions), name, ": expected ",
              each * static_cast<size_t>(layers * directions), " params, but got ", params.size());
  for (size_t i = 0; i < params.size(); i++) {
    const int64_t inputs = i < each * static_cast<size_t>(directions) ? input.size(-1) : outputs * directions;
    const size_t role = i % each;
    const std::string argument = "params[" + std::to_string(i) + "]";
    if (role < 2) {
      check_size(name, argument, params[i], {gates * units, role == 0 ? inputs : outputs});
    } else if (projects && role == each - 1) {
      check_size(name, argument, params[i], {outputs, units});
    } else {
      check_size(name, argument, params[i], {gates * units});
    }
  }
}

// lstm_cell, gru_cell, rnn_tanh_cell, rnn_relu_cell: (input, hx, w_ih, w_hh, b_ih?, b_hh?)
void check_cell(const char* name, int64_t gates, const Stack& stack) {
  const Tensor input = stack.at(0).toTensor();
  const c10::IValue& hx = stack.at(1);
  const bool lstm = hx.isTensorList();
  const std::vector<Tensor> state = lstm ? hx.toTensorVector() : std::vector<Tensor>{hx.toTensor()};
  TORCH_CHECK(state.size() == (lstm ? 2 : 1), name, " expects two hidden states, but got ", state.size());
  TORCH_CHECK(input.dim() == 2, name, ": the input should be 2-D, but got ", input.dim(), "-D");
  TORCH_CHECK(state[0].dim() == 2, name, ": hx should be 2-D, but got ", state[0].dim(), "-D");
  const int64_t units = state[0].size(1);
  for (size_t i = 0; i < state.size(); i++) {
    check_size(name, lstm ? "hx[" + std::to_string(i) + "]" : "hx", state[i], {input.size(0), units});
  }
  check_size(name, "w_ih", stack.at(2).toTensor(), {gates * units, input.size(1)});
  check_size(name, "w_hh", stack.at(3).toTensor(), {gates * units, units});
  for (size_t i = 4; i < stack.size(); i++) {
    if (stack[i].isTensor()) check_size(name, i == 4 ? "b_ih" : "b_hh", stack[i].toTensor(), {gates * units});
  }
}

}  // namespace

Check check_of(const std::string& name) {
  static constexpr std::array<std::pair<const char*, Check>, 8> kChecks = {{
      {"aten::lstm", [](const Stack& stack) { check_network("lstm", 4, stack); }},
      {"aten::gru", [](const Stack& stack) { check_network("gru", 3, stack); }},
      {"aten::rnn_tanh", [](const Stack& stack) { check_network("rnn_tanh", 1, stack); }},
      {"aten::rnn_relu", [](const Stack& stack) { check_network("rnn_relu", 1, stack); }},
      {"aten::lstm_cell", [](const Stack& stack) { check_cell("lstm_cell", 4, stack); }},
      {"aten::gru_cell", [](const Stack& stack) { check_cell("gru_cell", 3, stack); }},
      {"aten::rnn_tanh_cell", [](const Stack& stack) { check_cell("rnn_tanh_cell", 1, stack); }},
      {"aten::rnn_relu_cell", [](const Stack& stack) { check_cell("rnn_relu_cell", 1, stack); }},
  }};
  const auto found =
      std::find_if(kChecks.begin(), kChecks.end(), [&](const auto& entry) { return name == entry.first; });
  return found == kChecks.end() ? nullptr : found->second;
}

void check_batch_sizes(const Tensor& batch_sizes, const Tensor& data) {
  TORCH_CHECK_VALUE(batch_sizes.is_cpu(),
                    "batch_sizes should always be on CPU. Instances of PackedSequence should never be created "
                    "manually. They should be instantiated by functions like pack_sequence and pack_padded_sequences "
                    "in nn.utils.rnn. https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence");
  TORCH_CHECK_VALUE(batch_sizes.dim() == 1 && batch_sizes.scalar_type() == at::kLong,
                    "batch_sizes should be a 1D int64 tensor, but got ", batch_sizes.dim(), "D ",
                    c10::toString(batch_sizes.scalar_type()));
  TORCH_CHECK_VALUE(batch_sizes.numel() > 0, "batch_sizes can not be empty");
  TORCH_CHECK_VALUE(data.dim() > 0, "the data of a packed sequence should have at least 1 dimension, but got 0");
  const Tensor sizes = batch_sizes.contiguous();
  const int64_t* values = sizes.const_data_ptr<int64_t>();
  int64_t rows = 0;
  for (int64_t i = 0; i < sizes.numel(); i++) {
    TORCH_CHECK_VALUE(values[i] > 0 && (i == 0 || values[i] <= values[i - 1]),
                      "batch_sizes should be positive and never increase, but got ", values[i], " at position ", i);
    TORCH_CHECK_VALUE(values[i] <= data.size(0) - rows, "batch_sizes ask for more steps than the ", data.size(0),
                      " in the data of the packed sequence");
    rows += values[i];
  }
  TORCH_CHECK_VALUE(rows == data.size(0), "batch_sizes should sum to the ", data.size(0),
                    " steps in the data of the packed sequence, but sum to ", rows);
}

}  // namespace rnn::operators
