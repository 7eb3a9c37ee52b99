#include "recurrent/composite.h"

#include <array>
#include <iterator>
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

  Tensors run(const at::Tensor& input, const Tensors& state, const Tensors& weights, const Packing& packing) const {
    const bool packed = packing.batch_sizes.defined();
    const bool batch_first = shape.batch_first && !packed;
    Tensors recorded;
    const auto compute = [&](const Shape&, const at::Tensor& x, const Tensors& states, const Tensors& parameters,
                             const at::Tensor& batch_sizes) {
      std::vector<int64_t> sizes;
      if (packed) sizes.assign(batch_sizes.data_ptr<int64_t>(), batch_sizes.data_ptr<int64_t>() + batch_sizes.numel());
      composite::Result result = composite::forward(network, batch_first ? x.transpose(0, 1) : x, sizes, states,
                                                    roles.assign(network.cell, parameters), record);
      for (Tensors& tensors : result.records) std::move(tensors.begin(), tensors.end(), std::back_inserter(recorded));
      Tensors results{batch_first ? result.output.transpose(0, 1) : result.output};
      std::move(result.finals.begin(), result.finals.end(), std::back_inserter(results));
      return results;
    };
    Tensors results = run_recurrent(shape, input, state, weights, packing, compute);
    if (packed) {
      results.push_back(packing.batch_sizes);
      if (packing.sorted_indices.defined()) {
        results.push_back(packing.sorted_indices);
        results.push_back(packing.unsorted_indices);
      }
    }
    for (at::Tensor& tensor : recorded) {
      // Probes must stay the leaves that they are; gates come in the form of the input.
      if (record == Record::kGates && !packed) {
        if (input.dim() == 2)
          tensor = tensor.squeeze(1);
        else if (batch_first)
          tensor = tensor.transpose(0, 1);
      }
      results.push_back(std::move(tensor));
    }
    return results;
  }
};

// composite('RNN_TANH' | 'LSTM' | 'GRU', shape, equations, roles, input, state or [], weights, packing or [], record)
//   -> output, final states, the packing again, and what was to be recorded of each layer and direction
Napi::Value composite_forward(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  const Shape shape(info[0].ToString(), info[1].ToObject());
  const Call call{shape, network_of(shape, info[2].ToObject()), Roles(info[3].As<Napi::Array>()),
                  record_of(info[8].ToString())};
  const Cells input(addon, info[4]);
  const Cells state(addon, info[5]);
  const Cells weights(addon, info[6]);
  const Cells packing(addon, info[7]);
  const auto ids = addon.dispatch(1 + call.network.states() + packing.size() + call.records(), [=] {
    return call.run(input.get().at(0), state.get(), weights.get(), Packing(packing.get()));
  });
  addon.account(env);
  Napi::Array results = Napi::Array::New(env, ids.size());
  for (uint32_t i = 0; i < ids.size(); i++) results.Set(i, ids[i]);
  return results;
}

}  // namespace

void init_composite(Napi::Object exports) { define<composite_forward>(exports, "composite"); }

}  // namespace rnn
