#pragma once
#include <napi.h>

#include <functional>
#include <string>
#include <vector>

#include "binding/addon.h"
#include "binding/handle.h"
#include "binding/promise_list.h"
#include "recurrent/network.h"

namespace rnn::binding {

using Tensors = std::vector<at::Tensor>;

// A parameter of a module: its name in JavaScript, and its size.
struct ParameterSize {
  std::string name;
  std::vector<int64_t> size;
};

// A recurrent module as it was made. What of it can be changed (`dropout`, `training`) comes with each call.
struct RecurrentModule {
  // `LSTM`
  std::string name;
  Network network;
  bool batch_first;
  bool prefers_libtorch;
  std::vector<ParameterSize> parameters;
  // What it keeps between calls.
  std::shared_ptr<Plan> plan;

  // (recurrence, settings, [[name, size], …])
  RecurrentModule(const std::string& recurrence, Napi::Object settings, Napi::Array parameters);

  // What is wrong with the weights, or nothing where they have the sizes of the parameters, and one dtype unless
  // autocast gives them one. LibTorch does not look at all of that, and then reads outside of them.
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
  // Why LibTorch's own implementation has to make the call; empty where the fused kernels do.
  std::string reason;
};

using Compute = std::function<Tensors(const Call& call)>;

// What a call of a recurrent network takes from JavaScript: its first arguments are the handle of the module, its
// dropout, whether it trains, input, state or [], weights, packing or [].
struct RecurrentArguments {
  RecurrentModulePtr module;
  // That of the module, with what can be changed.
  Network network;
  PromiseList input, state, weights, packing;

  RecurrentArguments(const Addon& addon, const Napi::CallbackInfo& info);

  // Checks all that `compute` relies on, in PyTorch's words, and turns unbatched and packed sequences into what it
  // takes and back: output, final states, and the packing again, as tensors that the packed output can own.
  // `fuses`: whether the fused kernels may make the call.
  Tensors run(const Compute& compute, bool fuses = true) const;

  // What a call does, and what is known of its output, its states and the packing before it has run.
  Effects effects() const;
  std::vector<Outline> outlines(Addon& addon) const;
};

}  // namespace rnn::binding
