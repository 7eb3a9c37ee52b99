#include "recurrent/composite.h"

#include <array>
#include <iterator>
#include <string_view>

#include "binding/recurrent.h"

namespace rnn::binding {
namespace {

using composite::Equations;
using composite::Function;
using composite::Peephole;
using composite::Trace;
using composite::Weights;

template <typename Value, size_t size>
Value named(const char* what, const std::string& name,
            const std::array<std::pair<std::string_view, Value>, size>& values) {
  for (const auto& [key, value] : values) {
    if (key == name) return value;
  }
  C10_THROW_ERROR(ValueError, c10::str("unknown ", what, " '", name, "'"));
}

Function function_of(const std::string& name) {
  constexpr std::array<std::pair<std::string_view, Function>, 10> kFunctions = {{
      {"identity", Function::kIdentity},
      {"tanh", Function::kTanh},
      {"hardTanh", Function::kHardTanh},
      {"softsign", Function::kSoftsign},
      {"relu", Function::kRelu},
      {"leakyRelu", Function::kLeakyRelu},
      {"elu", Function::kElu},
      {"sigmoid", Function::kSigmoid},
      {"hardSigmoid", Function::kHardSigmoid},
      {"elliottSigmoid", Function::kElliottSigmoid},
  }};
  return named("function", name, kFunctions);
}

Peephole peephole_of(const std::string& name) {
  constexpr std::array<std::pair<std::string_view, Peephole>, 3> kPeepholes = {
      {{"none", Peephole::kNone}, {"diagonal", Peephole::kDiagonal}, {"full", Peephole::kFull}}};
  return named("peephole", name, kPeepholes);
}

Trace trace_of(const std::string& name) {
  constexpr std::array<std::pair<std::string_view, Trace>, 3> kTraces = {
      {{"nothing", Trace::kNothing}, {"gates", Trace::kGates}, {"probes", Trace::kProbes}}};
  return named("trace", name, kTraces);
}

Equations equations_of(Napi::Object object) {
  return {
      .gate = function_of(object.Get("gateActivation").ToString()),
      .activation = function_of(object.Get("activation").ToString()),
      .peephole = peephole_of(object.Get("peephole").ToString()),
      .forget_in_candidate = object.Get("forgetInCandidate").ToBoolean(),
      .update_is_candidate = object.Get("updateIsCandidate").ToBoolean(),
      .reset_after = object.Get("resetAfter").ToBoolean(),
      .zoneout = object.Get("zoneout").ToNumber(),
      .cell_zoneout = object.Get("cellZoneout").ToNumber(),
  };
}

// Maps parameters to their roles, by the names that the parameters of each layer and direction have, in this order.
class Roles {
 public:
  explicit Roles(Napi::Array names) {
    for (uint32_t i = 0; i < names.Length(); i++) names_.push_back(names.Get(i).ToString());
  }

  std::vector<Weights> assign(const Recurrence& recurrence, const Tensors& parameters) const {
    std::vector<Weights> all(parameters.size() / names_.size());
    for (size_t i = 0; i < all.size(); i++) all[i] = assign(recurrence, &parameters[i * names_.size()]);
    return all;
  }

 private:
  Weights assign(const Recurrence& recurrence, const at::Tensor* parameters) const {
    Weights weights;
    at::Tensor input_bias, hidden_bias;
    const std::array<std::pair<std::string_view, at::Tensor*>, 12> places = {{
        {"weight_ih", &weights.input},
        {"weight_hh", &weights.hidden},
        {"weight_ch", &weights.cell},
        {"weight_hr", &weights.projection},
        {"bias", &weights.bias},
        {"bias_hn", &weights.inner_bias},
        {"bias_ih", &input_bias},
        {"bias_hh", &hidden_bias},
        {"weight_ln_ih", &weights.input_gain},
        {"weight_ln_hh", &weights.hidden_gain},
        {"weight_ln_c", &weights.cell_gain},
        {"bias_ln_c", &weights.cell_bias},
    }};
    for (size_t i = 0; i < names_.size(); i++) *named("parameter", names_[i], places) = parameters[i];
    if (input_bias.defined()) weights.set_biases(recurrence, input_bias, hidden_bias);
    return weights;
  }

  std::vector<std::string> names_;
};

struct Recurrent {
  RecurrentArguments arguments;
  Equations equations;
  Roles roles;
  Trace trace;

  size_t results() const {
    const Network& network = arguments.network;
    const size_t each = trace == Trace::kGates    ? network.recurrence->traced
                        : trace == Trace::kProbes ? network.states()
                                                  : 0;
    return 1 + network.states() + arguments.packing.size() + network.layers * network.directions() * each;
  }

  Effects effects() const {
    Effects effects = arguments.effects();
    if (arguments.network.train && equations.zones_out()) effects.marks |= Effects::kRandom;
    return effects;
  }

  Tensors run() const {
    const bool packed = arguments.packing.size() > 0;
    const bool batch_first = arguments.module->batch_first && !packed;
    const bool batched = arguments.input.get().at(0).dim() == 3;
    Tensors traced;
    // There is no need to check whether the fused kernels could run the call.
    constexpr bool kFuses = false;
    const auto compute = [&](const Call& call) {
      const auto& [network, _, input, state, weights, batch_sizes] = call.arguments;
      std::vector<int64_t> sizes;
      if (packed) sizes.assign(batch_sizes.data_ptr<int64_t>(), batch_sizes.data_ptr<int64_t>() + batch_sizes.numel());
      composite::Result result = composite::forward(network, equations, batch_first ? input.transpose(0, 1) : input,
                                                    sizes, state, roles.assign(*network.recurrence, weights), trace);
      for (Tensors& tensors : result.traces) std::move(tensors.begin(), tensors.end(), std::back_inserter(traced));
      Tensors own{batch_first ? result.output.transpose(0, 1) : result.output};
      std::move(result.finals.begin(), result.finals.end(), std::back_inserter(own));
      return own;
    };
    Tensors results = arguments.run(compute, kFuses);
    for (at::Tensor& tensor : traced) {
      // Gates are returned in the layout of the input. Probes must stay the same leaf tensors.
      if (trace == Trace::kGates && !packed) {
        tensor = !batched ? tensor.squeeze(1) : batch_first ? tensor.transpose(0, 1) : tensor;
      }
      results.push_back(std::move(tensor));
    }
    return results;
  }
};

// composite(handle, dropout, training, input, state or [], weights, packing or [], equations, roles, trace) -> output,
// final states, the packing again, and the traces of each layer and direction
Napi::Value composite_forward(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  const Recurrent recurrent{RecurrentArguments(addon, info), equations_of(info[7].ToObject()),
                            Roles(info[8].As<Napi::Array>()), trace_of(info[9].ToString())};
  const auto ids = addon.dispatch(
      recurrent.effects(), recurrent.results(), [recurrent] { return recurrent.run(); },
      addon.forecast([&] { return [&addon, recurrent] { return recurrent.arguments.outlines(addon); }; }));
  addon.account(env);
  return to_array(env, ids);
}

}  // namespace

void init_composite(Napi::Object exports) { define<composite_forward>(exports, "composite"); }

}  // namespace rnn::binding
