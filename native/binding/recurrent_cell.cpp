#include <ATen/ops/zeros.h>

#include "binding/addon.h"
#include "binding/convert.h"
#include "binding/promise_list.h"
#include "recurrent/libtorch.h"
#include "runtime/tensors.h"

namespace rnn::binding {
namespace {

// One step of a recurrence, for inputs (N, I) or (I).
struct RecurrentCell {
  const Recurrence& recurrence;
  int64_t inputs, units;

  bool lstm() const { return recurrence.states > 1; }
  std::string name() const { return std::string(recurrence.module) + "Cell"; }
  int64_t gates() const { return units * recurrence.gates; }

  void check_rank(const at::Tensor& input, const Tensors& state) const;
  void check_weight(const char* name, const at::Tensor& weight, at::IntArrayRef size) const;
  void check_weights(const Tensors& weights, const Tensors& input_bias, const Tensors& hidden_bias) const;
  Tensors run(at::Tensor input, Tensors state, const Tensors& weights, const Tensors& input_bias,
              const Tensors& hidden_bias) const;
};

// The checks of torch/nn/modules/rnn.py, with its messages. LibTorch checks the sizes itself, but does not check that
// state and input have the same rank, and would read out of bounds.
void RecurrentCell::check_rank(const at::Tensor& input, const Tensors& state) const {
  const int64_t rank = input.dim();
  TORCH_CHECK_VALUE(rank == 1 || rank == 2, name(), ": Expected input to be 1D or 2D, got ", rank, "D instead");
  for (size_t i = 0; i < state.size(); i++) {
    const std::string which = lstm() ? "hx[" + std::to_string(i) + "]" : "hidden";
    TORCH_CHECK_VALUE(state[i].dim() == 1 || state[i].dim() == 2, name(), ": Expected ", which, " to be 1D or 2D, got ",
                      state[i].dim(), "D instead");
  }
  if (state.empty()) return;
  const char* kind = rank == 2 ? "batched 2-D" : "unbatched 1-D";
  if (lstm()) {
    TORCH_CHECK(state[0].dim() == rank && state[1].dim() == rank, name(), ": For ", kind,
                " input, hx and cx should also be ", rank, "-D but got (", state[0].dim(), "-D, ", state[1].dim(),
                "-D) tensors");
  } else {
    TORCH_CHECK(state[0].dim() == rank, name(), ": For ", kind, " input, hx should also be ", rank, "-D but got ",
                state[0].dim(), "-D tensor");
  }
}

void RecurrentCell::check_weight(const char* weight_name, const at::Tensor& weight, at::IntArrayRef size) const {
  TORCH_CHECK(weight.sizes() == size, name(), ": ", weight_name, " has the shape ", weight.sizes(),
              ", but the sizes of the module ask for ", size);
}

void RecurrentCell::check_weights(const Tensors& weights, const Tensors& input_bias, const Tensors& hidden_bias) const {
  check_weight("weight_ih", weights.at(0), {gates(), inputs});
  check_weight("weight_hh", weights.at(1), {gates(), units});
  for (const at::Tensor& bias : input_bias) check_weight("bias_ih", bias, {gates()});
  for (const at::Tensor& bias : hidden_bias) check_weight("bias_hh", bias, {gates()});
}

Tensors RecurrentCell::run(at::Tensor input, Tensors state, const Tensors& weights, const Tensors& input_bias,
                           const Tensors& hidden_bias) const {
  check_rank(input, state);
  check_weights(weights, input_bias, hidden_bias);
  const bool batched = input.dim() == 2;
  if (!batched) {
    input = input.unsqueeze(0);
    for (at::Tensor& tensor : state) tensor = tensor.unsqueeze(0);
  }
  if (state.empty()) {
    const at::Tensor zeros = at::zeros({input.size(0), units}, input.options());
    state.assign(recurrence.states, zeros);
  }
  const auto optional = [](const Tensors& bias) { return bias.empty() ? std::nullopt : std::optional(bias[0]); };
  TORCH_CHECK(recurrence.cell != nullptr, "LibTorch has no ", name());
  Tensors results = recurrence.cell({.input = input,
                                     .state = std::move(state),
                                     .weight_input = weights[0],
                                     .weight_hidden = weights[1],
                                     .bias_input = optional(input_bias),
                                     .bias_hidden = optional(hidden_bias)});
  if (!batched) {
    for (at::Tensor& tensor : results) tensor = tensor.squeeze(0);
  }
  return results;
}

// recurrentCell(recurrence, [inputSize, hiddenSize], input, state or [], weights,
// [bias_ih] or [], [bias_hh] or []) -> the next state
Napi::Value recurrent_cell(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  const auto sizes = to_ints(info[1], "sizes");
  const RecurrentCell cell{
      .recurrence = recurrence_of(info[0].ToString().Utf8Value()), .inputs = sizes.at(0), .units = sizes.at(1)};
  const PromiseList input(addon, info[2]);
  const PromiseList state(addon, info[3]);
  const PromiseList weights(addon, info[4]);
  const PromiseList input_bias(addon, info[5]);
  const PromiseList hidden_bias(addon, info[6]);
  const Effects effects{.reads = joined(input, state, weights, input_bias, hidden_bias)};
  const auto outlines = [&addon, input, cell] {
    Outline found = addon.outlines(joined(input)).at(0);
    std::vector<int64_t> sizes = found.meta.sizes().vec();
    sizes.back() = cell.units;
    found.meta = meta_of(sizes, found.meta.scalar_type());
    return std::vector(cell.recurrence.states, found);
  };
  const auto work = [=] {
    return cell.run(input.get().at(0), state.get(), weights.get(), input_bias.get(), hidden_bias.get());
  };
  const auto ids = addon.dispatch(effects, cell.recurrence.states, work, addon.forecast([&] { return outlines; }));
  addon.account(env);
  return to_array(env, ids);
}

}  // namespace

void init_recurrent_cell(Napi::Object exports) { define<recurrent_cell>(exports, "recurrentCell"); }

}  // namespace rnn::binding
