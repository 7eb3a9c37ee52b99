#pragma once
#include <napi.h>

#include <functional>
#include <string>
#include <vector>

#include "binding/addon.h"
#include "binding/handle.h"
#include "binding/promise_list.h"
#include "recurrent/network.h"
#include "runtime/tensors.h"

namespace rnn::binding {

// A parameter of a module: its name in JavaScript, and its size.
struct ParameterSize {
  std::string name;
  std::vector<int64_t> size;
};

// The fixed properties of a recurrent module. The mutable ones (`dropout`, `training`) are passed with each call.
struct RecurrentModule {
  // `LSTM`
  std::string name;
  Network network;
  bool batch_first;
  bool prefers_libtorch;
  std::vector<ParameterSize> parameters;
  // State kept between calls.
  std::shared_ptr<Plan> plan;

  // (recurrence, settings, [[name, size], …])
  RecurrentModule(const std::string& recurrence, Napi::Object settings, Napi::Array parameters);

  // An error message if the weights do not have the sizes of the parameters, or not all the same dtype without
  // autocast; otherwise empty. LibTorch does not check all of this, and would read out of bounds.
  std::string problem(at::TensorList weights) const;

  // The sizes of state `i`: the LSTM's second one is the cell state, which is not projected.
  std::vector<int64_t> state_size(int64_t batch, size_t i) const {
    const int64_t outputs = network.projection > 0 && i == 0 ? network.projection : network.units;
    return {network.layers * network.directions(), batch, outputs};
  }
};

using RecurrentModulePtr = std::shared_ptr<const RecurrentModule>;

template <>
struct HandleType<RecurrentModulePtr> {
  static constexpr const char* kName = "recurrent module";
  static constexpr napi_type_tag kTag = {0x6b1d3c52a7f84e09, 0x9d40e2b85c7a1f36};
};

// A call whose arguments have been checked: input (L, N, I) or (N, L, I), or the rows (ΣL, I) of a packed sequence, and
// each state (layers * D, N, H).
struct Call {
  NetworkCall arguments;
  // Why LibTorch's implementation has to be used; empty if the fused kernels are.
  std::string reason;
};

using Compute = std::function<Tensors(const Call& call)>;

// The arguments of a recurrent network call from JavaScript, which starts with: the handle of the module, its dropout,
// whether it trains, input, state or [], weights, packing or [].
struct RecurrentArguments {
  RecurrentModulePtr module;
  // The module's network, with the current mutable properties.
  Network network;
  PromiseList input, state, weights, packing;

  RecurrentArguments(const Addon& addon, const Napi::CallbackInfo& info);

  // Checks everything that `compute` relies on, with PyTorch's messages, and converts unbatched and packed sequences to
  // its layout and back. Returns output, final states, and the packing again, as tensors that the packed output can
  // own. `fuses`: whether the fused kernels may be used.
  Tensors run(const Compute& compute, bool fuses = true) const;

  // The effects of a call, and what is known about its output, states and packing before it has run.
  Effects effects() const;
  std::vector<Outline> outlines(Addon& addon) const;
};

}  // namespace rnn::binding
