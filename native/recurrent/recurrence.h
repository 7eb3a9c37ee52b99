#pragma once
#include <ATen/core/Tensor.h>

#include <optional>
#include <string_view>
#include <vector>

#include "recurrent/kernels.h"

namespace rnn::recurrent {

struct NetworkCall;
struct CellCall;

// Recurrences of one family have the same gates and states.
enum class Family : uint8_t { kRnn, kLstm, kGru, kMinGru };

// What tells one recurrence from another. To add one: a row of the table in recurrence.cpp, its equations in
// composite.cpp, and its row and module in TypeScript (lib/nn/recurrence.ts).
struct Recurrence {
  // As in TypeScript: 'RNN_TANH'.
  std::string_view name;
  Family family;
  // That of the family, in error messages: 'RNN'.
  std::string_view module;
  // The weights have this many rows for each unit.
  int64_t gates;
  // 1: h. 2: h and c.
  size_t states;
  // The gates and states of each step that can be traced.
  size_t traced;
  // The fused kernels, where there are some.
  std::optional<CellKind> kernel;
  // LibTorch's own implementations of networks and of cells, or null.
  std::vector<at::Tensor> (*network)(const NetworkCall& call);
  std::vector<at::Tensor> (*cell)(const CellCall& call);
  // cuDNN's number for it.
  std::optional<int64_t> cudnn_mode;
};

// Throws for a name that is not in the table.
const Recurrence& recurrence_of(std::string_view name);

}  // namespace rnn::recurrent
