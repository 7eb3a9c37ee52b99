#pragma once
#include <napi.h>

#include <functional>
#include <string>
#include <vector>

#include "binding/addon.h"
#include "binding/cells.h"
#include "recurrent/network.h"

namespace rnn::binding {

using Tensors = std::vector<at::Tensor>;

// A module as the caller sees it.
struct Shape : Network {
  bool batch_first;
  bool prefers_libtorch;

  Shape(const std::string& name, Napi::Object object);

  // The sizes of hidden state `i`: the LSTM's second one is the cell, which is not projected.
  std::vector<int64_t> state_size(int64_t batch, size_t i) const {
    return {layers * directions(), batch, projection > 0 && i == 0 ? projection : units};
  }
};

// What a module keeps between calls, as JavaScript holds it.
using PlanHandle = Napi::External<std::shared_ptr<Plan>>;

// A call whose arguments have been checked: input (L, N, I) or (N, L, I), or the rows (ΣL, I) of a packed sequence, and
// each state (layers * D, N, H).
struct Call {
  NetworkCall arguments;
  // Why LibTorch's own implementation has to make the call; empty where the fused kernels do.
  std::string reason;
};

using Compute = std::function<Tensors(const Call& call)>;

// What a call of a recurrent network takes from JavaScript, from the argument `first` on: the recurrence, the module,
// input, state or [], weights, packing or [].
struct RecurrentArguments {
  Shape shape;
  Cells input, state, weights, packing;

  RecurrentArguments(const Addon& addon, const Napi::CallbackInfo& info, size_t first);

  // Checks all that `compute` relies on, in PyTorch's words, and turns unbatched and packed sequences into what it
  // takes and back: output, final states, and the packing again, as tensors that the packed output can own.
  Tensors run(const Compute& compute) const;
};

}  // namespace rnn::binding
