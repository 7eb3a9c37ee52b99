#pragma once
#include <napi.h>

#include <string>
#include <vector>

#include "recurrent/plan.h"

namespace rnn {

inline CellKind cell_of(const std::string& name) {
  if (name == "LSTM") return CellKind::kLstm;
  if (name == "GRU") return CellKind::kGru;
  return name == "RNN_RELU" ? CellKind::kRnnRelu : CellKind::kRnnTanh;
}

// A recurrent module of JavaScript as the caller sees it.
struct Shape : Network {
  bool batch_first;
  bool prefers_libtorch;

  Shape(const std::string& name, Napi::Object object)
      : Network{.cell = cell_of(name),
                .inputs = object.Get("inputSize").ToNumber(),
                .units = object.Get("hiddenSize").ToNumber(),
                .projection = object.Get("projSize").ToNumber(),
                .layers = object.Get("numLayers").ToNumber(),
                .dropout = object.Get("dropout").ToNumber(),
                .bias = object.Get("bias").ToBoolean(),
                .bidirectional = object.Get("bidirectional").ToBoolean(),
                .train = object.Get("training").ToBoolean()},
        batch_first(object.Get("batchFirst").ToBoolean()),
        prefers_libtorch(object.Get("backend").ToString().Utf8Value() == "libtorch") {}

  // The sizes of hidden state `i`: the LSTM's second one is the cell, which is not projected.
  std::vector<int64_t> state_size(int64_t batch, size_t i) const {
    return {layers * directions(), batch, projection > 0 && i == 0 ? projection : units};
  }
};

// What a module keeps between calls, as JavaScript holds it.
using PlanHandle = Napi::External<std::shared_ptr<Plan>>;

}  // namespace rnn
