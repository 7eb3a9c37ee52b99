#include <ATen/ops/cat.h>
#include <ATen/ops/dropout.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "recurrent/network.h"
#include "recurrent/pass.h"
#include "runtime/tensors.h"

namespace rnn::recurrent {
namespace {
using torch::autograd::AutogradContext;

// The call and layer that a graph node belongs to.
struct Origin : torch::CustomClassHolder {
  std::shared_ptr<const Pass> pass;
  int64_t layer;

  Origin(std::shared_ptr<const Pass> pass, int64_t layer) : pass(std::move(pass)), layer(layer) {}
};

// The graph node is printed as RecurrentLayerBackward.
class RecurrentLayer : public torch::autograd::Function<RecurrentLayer> {
 public:
  // The arguments: x, the states, the parameters of all directions.
  static Tensors forward(AutogradContext* context, at::TensorList arguments, const std::shared_ptr<const Pass>& pass,
                         int64_t index) {
    const size_t states = pass->network.states();
    const at::Tensor x = with_dense_rows(arguments[0]);
    const Tensors state(arguments.begin() + 1, arguments.begin() + 1 + static_cast<int64_t>(states));
    std::vector<SavedTensors> of_directions;
    Tensors results = forward_layer(*pass, index, x, state, arguments.slice(1 + states), &of_directions);
    Tensors saved = arguments.vec();
    saved.push_back(results[0]);
    for (const SavedTensors& own : of_directions)
      saved.insert(saved.end(), {own.gates, own.cell_states, own.unprojected});
    context->save_for_backward(std::move(saved));
    context->saved_data["origin"] = c10::IValue::make_capsule(c10::make_intrusive<Origin>(pass, index));
    context->set_materialize_grads(false);
    return results;
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const auto origin = c10::static_intrusive_pointer_cast<Origin>(context->saved_data["origin"].toCapsule());
    const Tensors saved = context->get_saved_variables();
    const auto directions = static_cast<size_t>(origin->pass->network.directions());
    const size_t count = saved.size() - 1 - directions * SavedTensors::kCount;
    const Tensors arguments(saved.begin(), saved.begin() + static_cast<int64_t>(count));
    std::vector<SavedTensors> of_directions;
    for (size_t i = count + 1; i < saved.size(); i += SavedTensors::kCount) {
      of_directions.push_back({.gates = saved[i], .cell_states = saved[i + 1], .unprojected = saved[i + 2]});
    }
    Tensors results(count);
    if (std::any_of(gradients.begin(), gradients.end(), [](const at::Tensor& g) { return g.defined(); })) {
      std::vector<bool> needed;
      for (size_t i = 0; i < count; i++) needed.push_back(context->needs_input_grad(i));
      results = at::GradMode::is_enabled() ? differentiably(*origin, arguments, gradients, needed)
                                           : backward_layer(*origin->pass, origin->layer, arguments, saved[count],
                                                            of_directions, gradients, needed);
    }
    // No gradients for pass and index.
    results.resize(count + 2);
    return results;
  }

 private:
  // For higher derivatives: uses LibTorch's operations, which support them.
  static Tensors differentiably(const Origin& origin, const Tensors& arguments, const Tensors& gradients,
                                const std::vector<bool>& needed) {
    const Pass& pass = *origin.pass;
    const size_t states = pass.network.states();
    // A tied parameter occurs as several arguments, and each needs its own gradient.
    Tensors aliases;
    for (size_t i = 0; i < arguments.size(); i++) aliases.push_back(needed[i] ? arguments[i].alias() : arguments[i]);
    NetworkCall call{.network = pass.network,
                     .input = aliases[0],
                     .state = {aliases.begin() + 1, aliases.begin() + 1 + static_cast<int64_t>(states)},
                     .weights = {aliases.begin() + 1 + static_cast<int64_t>(states), aliases.end()},
                     .batch_sizes = pass.batch_sizes};
    call.network.layers = 1;
    call.network.dropout = 0;
    const Tensors results = run_libtorch(call);
    Tensors outputs, seeds, inputs, found(arguments.size());
    for (size_t i = 0; i < results.size(); i++) {
      if (!gradients[i].defined()) continue;
      outputs.push_back(results[i]);
      seeds.push_back(gradients[i]);
    }
    for (size_t i = 0; i < arguments.size(); i++) {
      if (needed[i]) inputs.push_back(aliases[i]);
    }
    const Tensors of_inputs = torch::autograd::grad(outputs, inputs, seeds, true, true, true);
    for (size_t i = 0, next = 0; i < arguments.size(); i++) {
      if (needed[i]) found[i] = of_inputs[next++];
    }
    return found;
  }
};

// Whether the tensor's memory holds its values as they are.
bool is_plain(const at::Tensor& tensor) {
  return tensor.layout() == at::kStrided && !tensor.is_conj() && !tensor.is_neg() && !tensor._is_zerotensor();
}

}  // namespace

std::string why_not_packed(at::TensorList weights) {
  for (const at::Tensor& weight : weights) {
    if (!weight.device().is_cpu()) return "a parameter is not on the CPU";
    if (!is_plain(weight)) return "the memory of a parameter cannot be read as it is";
    if (!at::isFloatingType(weight.scalar_type())) return "a parameter is not of a floating dtype";
  }
  return {};
}

std::string why_not_fused(const NetworkCall& call) {
  Tensors all = call.state;
  all.push_back(call.input);
  all.insert(all.end(), call.weights.begin(), call.weights.end());
  const at::ScalarType type = call.input.scalar_type();
  if (type != at::kFloat && type != at::kBFloat16) return "the tensors are neither float32 nor bfloat16";
  for (const at::Tensor& tensor : all) {
    if (!tensor.device().is_cpu()) return "a tensor is not on the CPU";
    if (!is_plain(tensor)) return "the memory of a tensor cannot be read as it is";
    if (tensor.scalar_type() != type) return "the tensors are of several dtypes";
  }
  if (type == at::kBFloat16 && at::GradMode::is_enabled() &&
      std::any_of(all.begin(), all.end(), [](const at::Tensor& tensor) { return tensor.requires_grad(); })) {
    return "gradients are computed in float32 only";
  }
  return call.input.numel() == 0 ? "the input is empty" : std::string();
}

Tensors run_fused(const NetworkCall& call, const std::shared_ptr<Plan>& plan, const Kernels& kernels,
                  const std::shared_ptr<ThreadPool>& pool) {
  const Network& net = call.network;
  const bool bfloat16 = call.input.scalar_type() == at::kBFloat16;
  const auto pass = std::make_shared<const Pass>(call, plan, kernels, pool);
  const size_t per_layer = net.parameters() * static_cast<size_t>(net.directions());
  at::Tensor x = sequence_first(call, call.input).to(at::kFloat);
  std::vector<Tensors> last(call.state.size());
  for (int64_t index = 0; index < net.layers; index++) {
    Tensors state;
    for (const at::Tensor& of_all : call.state) {
      state.push_back(of_all.narrow(0, index * net.directions(), net.directions()).to(at::kFloat).contiguous());
    }
    const auto weights = at::TensorList(call.weights).slice(static_cast<size_t>(index) * per_layer, per_layer);
    const auto differs = [](const at::Tensor& tensor) { return tensor.requires_grad(); };
    Tensors results;
    if (at::GradMode::is_enabled() && (differs(x) || std::any_of(state.begin(), state.end(), differs) ||
                                       std::any_of(weights.begin(), weights.end(), differs))) {
      Tensors arguments{x};
      arguments.insert(arguments.end(), state.begin(), state.end());
      arguments.insert(arguments.end(), weights.begin(), weights.end());
      results = RecurrentLayer::apply(at::TensorList(arguments), pass, index);
    } else {
      results = forward_layer(*pass, index, with_dense_rows(x), state, weights, nullptr);
    }
    x = std::move(results[0]);
    if (index + 1 < net.layers && net.dropout != 0 && net.train) x = at::dropout(x, net.dropout, true);
    for (size_t i = 0; i < last.size(); i++) last[i].push_back(std::move(results[1 + i]));
  }
  Tensors results{sequence_first(call, x)};
  for (const Tensors& of_layers : last) {
    results.push_back(net.layers == 1 ? of_layers[0] : at::cat(of_layers));
  }
  if (bfloat16) {
    for (at::Tensor& result : results) result = result.to(at::kBFloat16);
  }
  return results;
}

}  // namespace rnn::recurrent
