#pragma once
#include <ATen/core/Tensor.h>
#include <napi.h>

#include <functional>
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

// How the steps of a packed input lie: batch sizes, and the order of the sequences unless they came sorted.
struct Packing {
  at::Tensor batch_sizes, sorted_indices, unsorted_indices;

  explicit Packing(const Tensors& tensors) {
    if (!tensors.empty()) batch_sizes = tensors[0];
    if (tensors.size() > 1) {
      sorted_indices = tensors.at(1);
      unsorted_indices = tensors.at(2);
    }
  }
};

// From input (L, N, I) or (N, L, I), or the rows (ΣL, I) of a packed sequence where there are batch sizes, and each
// state (layers * D, N, H): output, final states.
using Compute = std::function<Tensors(const Shape& shape, const at::Tensor& input, const Tensors& state,
                                      const Tensors& weights, const at::Tensor& batch_sizes)>;

// Checks all that `compute` relies on, in PyTorch's words, and turns unbatched and packed sequences into what it takes
// and back.
Tensors run_recurrent(const Shape& shape, const at::Tensor& input, const Tensors& state, const Tensors& weights,
                      const Packing& packing, const Compute& compute);

}  // namespace rnn
