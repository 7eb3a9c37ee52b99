#pragma once
#include <ATen/core/Tensor.h>
#include <napi.h>

#include <string>
#include <vector>

namespace rnn {

using Tensors = std::vector<at::Tensor>;

enum class Recurrence { kRnnTanh, kRnnRelu, kLstm, kGru };

// What a recurrent module says of itself.
struct Shape {
  Recurrence recurrence;
  int64_t input_size, hidden_size, projection_size, layers;
  double dropout;
  bool bias, batch_first, bidirectional, train;

  Shape(const std::string& name, Napi::Object object)
      : recurrence(name == "LSTM"       ? Recurrence::kLstm
                   : name == "GRU"      ? Recurrence::kGru
                   : name == "RNN_RELU" ? Recurrence::kRnnRelu
                                        : Recurrence::kRnnTanh),
        input_size(object.Get("inputSize").ToNumber()),
        hidden_size(object.Get("hiddenSize").ToNumber()),
        projection_size(object.Get("projSize").ToNumber()),
        layers(object.Get("numLayers").ToNumber()),
        dropout(object.Get("dropout").ToNumber()),
        bias(object.Get("bias").ToBoolean()),
        batch_first(object.Get("batchFirst").ToBoolean()),
        bidirectional(object.Get("bidirectional").ToBoolean()),
        train(object.Get("training").ToBoolean()) {}

  bool lstm() const { return recurrence == Recurrence::kLstm; }

  // The sizes of hidden state `i`: the LSTM's second one is the cell, which is not projected.
  std::vector<int64_t> state_size(int64_t batch, size_t i) const {
    const int64_t width = projection_size > 0 && i == 0 ? projection_size : hidden_size;
    return {layers * (bidirectional ? 2 : 1), batch, width};
  }
};

// The checks of torch/nn/modules/rnn.py, in its order and its words. They are made here and not in TypeScript because
// the shape of a queued tensor is known only when the call runs.
void check_rank(const Shape& shape, const at::Tensor& input, const Tensors& state);
void check_sizes(const Shape& shape, const at::Tensor& input, const Tensors& state, const at::Tensor& weight,
                 int64_t batch);

}  // namespace rnn
