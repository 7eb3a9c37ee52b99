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

// Recurrences of one family have the same gates and states.
enum class Family : uint8_t { kRnn, kLstm, kGru, kMinGru };

// The properties of a recurrence. To add one: a row of the table in recurrence.cpp, its equations in composite.cpp, and
// its row and module in TypeScript (lib/nn/recurrence.ts).
struct Recurrence {
  // As in TypeScript: 'RNN_TANH'.
  std::string_view name;
  Family family;
  // The name of the family, for error messages: 'RNN'.
  std::string_view module;
  // The number of weight rows per unit.
  int64_t gates;
  // 1: h. 2: h and c.
  size_t states;
  // The number of gates and states of each step that can be traced.
  size_t traced;
  // The fused kernel, if there is one.
  std::optional<CellKind> kernel;
  // LibTorch's implementations of the network and of the cell, or null.
  Tensors (*network)(const NetworkCall& call);
  Tensors (*cell)(const CellCall& call);
  // cuDNN's mode number.
  std::optional<int64_t> cudnn_mode;
};

// Throws for a name that is not in the table.
const Recurrence& recurrence_of(std::string_view name);

}  // namespace rnn::recurrent
