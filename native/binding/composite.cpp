#include "recurrent/composite.h"

#include <ATen/ops/zeros.h>

#include <array>
#include <string_view>

#include "binding/addon.h"
#include "binding/cells.h"
#include "binding/recurrent.h"

namespace rnn {
namespace {

using composite::Cell;
using composite::Function;
using composite::Network;
using composite::Peephole;
using composite::Record;
using composite::Weights;

template <typename Value, size_t size>
Value named(const char* what, const std::string& name,
            const std::array<std::pair<std::string_view, Value>, size>& values) {
  for (const auto& [key, value] : values) {
    if (key == name) return value;
  }
  TORCH_CHECK_VALUE(false, "unknown ", what, " '", name, "'");
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

Record record_of(const std::string& name) {
  constexpr std::array<std::pair<std::string_view, Record>, 3> kRecords = {
      {{"nothing", Record::kNothing}, {"gates", Record::kGates}, {"probes", Record::kProbes}}};
  return named("record", name, kRecords);
}

Network network_of(const Shape& shape, Napi::Object equations) {
  return {
      .cell = shape.lstm()                           ? Cell::kLstm
              : shape.recurrence == Recurrence::kGru ? Cell::kGru
                                                     : Cell::kRnn,
      .layers = shape.layers,
      .bidirectional = shape.bidirectional,
      .training = shape.train,
      .dropout = shape.dropout,
      .gate = function_of(equations.Get("gateActivation").ToString()),
      .activation = function_of(equations.Get("activation").ToString()),
      .peephole = peephole_of(equations.Get("peephole").ToString()),
      .forget_in_candidate = equations.Get("forgetInCandidate").ToBoolean(),
      .update_is_candidate = equations.Get("updateIsCandidate").ToBoolean(),
      .reset_after = equations.Get("resetAfter").ToBoolean(),
  };
}

// Which parameter is which, by the names that those of each layer and direction have in this order.
class Roles {
 public:
  explicit Roles(Napi::Array names) {
    for (uint32_t i = 0; i < names.Length(); i++) names_.push_back(names.Get(i).ToString());
  }

  std::vector<Weights> assign(Cell cell, const Tensors& parameters) const {
    std::vector<Weights> all(parameters.size() / names_.size());
    for (size_t i = 0; i < all.size(); i++) all[i] = assign(cell, &parameters[i * names_.size()]);
    return all;
  }

 private:
  Weights assign(Cell cell, const at::Tensor* parameters) const {
    Weights weights;
    at::Tensor input_bias, hidden_bias;
    const std::array<std::pair<std::string_view, at::Tensor*>, 8> places = {{
        {"weight_ih", &weights.input},
        {"weight_hh", &weights.hidden},
        {"weight_ch", &weights.cell},
        {"weight_hr", &weights.projection},
        {"bias", &weights.bias},
        {"bias_hn", &weights.inner_bias},
        {"bias_ih", &input_bias},
        {"bias_hh", &hidden_bias},
    }};
    for (size_t i = 0; i < names_.size(); i++) *named("parameter", names_[i], places) = parameters[i];
    if (input_bias.defined()) weights.set_biases(cell, input_bias, hidden_bias);
    return weights;
  }

  std::vector<std::string> names_;
};

struct Call {
  Shape shape;
  Network network;
  Roles roles;
  Record record;

  size_t records() const {
    const size_t each = record == Record::kGates ? network.gates() : record == Record::kProbes ? network.states() : 0;
    return network.layers * network.directions() * each;
  }

  Tensors run(at::Tensor input, Tensors state, const Tensors& parameters) const {
    check_rank(shape, input, state);
    const bool batched = input.dim() == 3;
    if (!batched) {
      input = input.unsqueeze(1);
      for (at::Tensor& tensor : state) tensor = tensor.unsqueeze(1);
    } else if (shape.batch_first) {
      input = input.transpose(0, 1);
    }
    const int64_t batch = input.size(1);
    if (state.empty()) {
      for (size_t i = 0; i < network.states(); i++) {
        state.push_back(at::zeros(shape.state_size(batch, i), input.options()));
      }
    }
    check_sizes(shape, input, state, parameters.at(0), batch);
    // In the layout of the input.
    const auto laid_out = [&](const at::Tensor& sequence) {
      return !batched ? sequence.squeeze(1) : shape.batch_first ? sequence.transpose(0, 1) : sequence;
    };
    auto [output, finals, records] =
        composite::forward(network, input, state, roles.assign(network.cell, parameters), record);
    Tensors results{laid_out(output)};
    for (const at::Tensor& final : finals) results.push_back(batched ? final : final.squeeze(1));
    for (const Tensors& tensors : records) {
      // Probes must stay the leaves that they are.
      for (const at::Tensor& tensor : tensors) results.push_back(record == Record::kGates ? laid_out(tensor) : tensor);
    }
    return results;
  }
};

// composite('RNN' | 'LSTM' | 'GRU', shape, equations, roles, input, state or [], parameters, record)
//   -> output, final states, and what was to be recorded of each layer and direction
Napi::Value composite_forward(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  const Shape shape(info[0].ToString(), info[1].ToObject());
  const Call call{shape, network_of(shape, info[2].ToObject()), Roles(info[3].As<Napi::Array>()),
                  record_of(info[7].ToString())};
  const Cells input(addon, info[4]);
  const Cells state(addon, info[5]);
  const Cells parameters(addon, info[6]);
  const auto ids = addon.dispatch(1 + call.network.states() + call.records(),
                                  [=] { return call.run(input.get().at(0), state.get(), parameters.get()); });
  addon.account(env);
  Napi::Array results = Napi::Array::New(env, ids.size());
  for (uint32_t i = 0; i < ids.size(); i++) results.Set(i, ids[i]);
  return results;
}

}  // namespace

void init_composite(Napi::Object exports) { define<composite_forward>(exports, "composite"); }

}  // namespace rnn
