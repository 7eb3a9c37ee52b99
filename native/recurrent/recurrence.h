#pragma once
#include <ATen/core/Tensor.h>

#include <optional>
#include <string_view>
#include <vector>

#include "recurrent/kernels.h"
#include "runtime/tensors.h"

namespace rnn::recurrent {

struct NetworkCall;
struct CellCall;

namespace composite {
class Layer;
struct State;
}  // namespace composite

// Computes the next state from x(t), multiplied by the input weights, and the previous state, by ATen operations. Sets
// `gates` to what can be traced. Adds the probe to the states, where it is defined.
using Step = composite::State (*)(const composite::Layer& layer, const at::Tensor& x, const composite::State& before,
                                  const composite::State& probe, Tensors& gates);

// The properties of a recurrence. To add one: its step and its row in recurrence.cpp, and its row and module in
// TypeScript (lib/nn/recurrence.ts).
struct Recurrence {
  // As in TypeScript: 'RNN_TANH'.
  std::string_view name;
  // The name of its module, for error messages: 'RNN'.
  std::string_view module;
  // The number of weight rows per unit.
  int64_t gates;
  // 1: h. 2: h and c.
  size_t states;
  // Whether the last gate is a candidate that sees h through another gate, so that its hidden bias cannot be added to
  // that of the input, and it is normalized alone.
  bool candidate_apart = false;
  // The number of gates and states of each step that can be traced.
  size_t traced;
  Step step;
  // The fused kernel, if there is one.
  std::optional<CellKind> kernel = std::nullopt;
  // LibTorch's implementations of the network and of the cell, or null.
  Tensors (*network)(const NetworkCall& call) = nullptr;
  Tensors (*cell)(const CellCall& call) = nullptr;
  // cuDNN's mode number.
  std::optional<int64_t> cudnn_mode = std::nullopt;
};

// Throws for a name that is not in the table.
const Recurrence& recurrence_of(std::string_view name);

}  // namespace rnn::recurrent
