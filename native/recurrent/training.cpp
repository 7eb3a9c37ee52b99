#include "recurrent/training.h"

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "recurrent/head.h"
#include "recurrent/pass.h"
#include "runtime/tensors.h"
#include "runtime/zeros.h"

namespace rnn::recurrent {
namespace {

// The arguments and results of one layer.
struct LayerPass {
  Tensors arguments;
  at::Tensor y;
  std::vector<SavedTensors> saved;
};

struct Loss {
  at::Tensor value;
  // The gradients of the head's weight and bias, and of the network's weights; undefined if not needed.
  at::Tensor weight, bias;
  Tensors weights;
};

// The number of multiplications in the head from which threads pay off.
constexpr int64_t kWorthThreads = 4'000'000;

bool needs_gradient(const at::Tensor& tensor) { return tensor.defined() && tensor.requires_grad(); }

Loss differentiate(const TrainingCall& call, const Pass& pass) {
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  const NetworkCall& net = call.network;
  const size_t per_layer = net.network.parameters() * static_cast<size_t>(net.network.directions());
  std::vector<LayerPass> layers;
  at::Tensor x = with_dense_rows(sequence_first(net, net.input));
  for (int64_t index = 0; index < net.network.layers; index++) {
    LayerPass layer;
    Tensors state;
    for (const at::Tensor& of_all : net.state) {
      const bool whole = net.network.layers == 1;
      state.push_back(whole ? of_all : of_all.narrow(0, index * net.network.directions(), net.network.directions()));
      state.back() = state.back().contiguous();
    }
    const auto weights = at::TensorList(net.weights).slice(static_cast<size_t>(index) * per_layer, per_layer);
    layer.arguments = {x};
    layer.arguments.insert(layer.arguments.end(), state.begin(), state.end());
    layer.arguments.insert(layer.arguments.end(), weights.begin(), weights.end());
    layer.y = forward_layer(pass, index, x, state, weights, &layer.saved)[0];
    x = layer.y;
    layers.push_back(std::move(layer));
  }

  // Stop at the lowest layer with trainable parameters.
  const auto first = std::find_if(net.weights.begin(), net.weights.end(), needs_gradient) - net.weights.begin();
  const int64_t lowest = first / static_cast<int64_t>(per_layer);
  Loss loss{.value = at::empty({}, x.options()), .weight = {}, .bias = {}, .weights = Tensors(net.weights.size())};
  if (needs_gradient(call.weight)) loss.weight = at::empty(call.weight.sizes(), x.options());
  if (needs_gradient(call.bias)) loss.bias = at::empty(call.bias.sizes(), x.options());
  at::Tensor dy = lowest < net.network.layers ? at::empty(x.sizes(), x.options()) : at::Tensor();
  const at::Tensor target = sequence_first(net, call.target).contiguous(), weight = call.weight.contiguous(),
                   bias = call.bias.defined() ? call.bias.contiguous() : at::Tensor();
  const Head head{.kernels = pass.kernels,
                  .pool = *pass.pool,
                  .threads = target.numel() * x.size(-1) < kWorthThreads ? 1 : at::get_num_threads(),
                  .rows = pass.schedule.total,
                  .inputs = x.size(-1),
                  .outputs = weight.size(0),
                  .x = x.const_data_ptr<float>(),
                  .weight = weight.const_data_ptr<float>(),
                  .bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr,
                  .target = target.const_data_ptr<float>(),
                  .dx = data_of(dy),
                  .dweight = data_of(loss.weight),
                  .dbias = data_of(loss.bias)};
  *loss.value.mutable_data_ptr<float>() = static_cast<float>(head.mean_squared_error());
  for (int64_t index = net.network.layers; index-- > lowest;) {
    const LayerPass& layer = layers[static_cast<size_t>(index)];
    const size_t states = net.state.size(), first_weight = 1 + states;
    std::vector<bool> needed;
    for (const at::Tensor& argument : layer.arguments) needed.push_back(argument.requires_grad());
    needed[0] = index > lowest;
    Tensors gradients(first_weight);
    gradients[0] = dy;
    Tensors found = backward_layer(pass, index, layer.arguments, layer.y, layer.saved, gradients, needed);
    for (size_t i = 0; i < per_layer; i++) {
      loss.weights[static_cast<size_t>(index) * per_layer + i] = std::move(found[first_weight + i]);
    }
    dy = std::move(found[0]);
  }
  return loss;
}

void add_gradient(const at::Tensor& parameter, at::Tensor gradient) {
  if (!gradient.defined()) return;
  at::Tensor& sum = parameter.mutable_grad();
  if (sum.defined()) {
    sum.add_(gradient);
  } else {
    sum = std::move(gradient);
  }
}

bool is_readable(const at::Tensor& tensor) {
  return tensor.device().is_cpu() && tensor.layout() == at::kStrided && tensor.scalar_type() == at::kFloat &&
         !tensor.is_neg() && !tensor._is_zerotensor() && !tensor.is_inference();
}

}  // namespace

std::string why_not_direct(const TrainingCall& call) {
  const NetworkCall& net = call.network;
  if (const std::string reason = why_not_fused(net); !reason.empty()) return reason;
  if (!c10::GradMode::is_enabled()) return "gradients are switched off";
  if (net.input.scalar_type() != at::kFloat) return "the tensors are not float32";
  if (net.batch_sizes.defined()) return "the input is a packed sequence";
  if (net.network.dropout != 0 && net.network.train && net.network.layers > 1)
    return "dropout between layers is active";
  if (net.input.requires_grad() || call.target.requires_grad()) return "an input wants a gradient, too";
  Tensors parameters = net.weights;
  parameters.push_back(call.weight);
  if (call.bias.defined()) parameters.push_back(call.bias);
  if (std::none_of(parameters.begin(), parameters.end(), needs_gradient)) return "no parameter learns";
  for (const at::Tensor& parameter : parameters) {
    if (!parameter.is_leaf() || !is_readable(parameter)) return "a parameter is the result of other operations";
    const at::Tensor& gradient = runtime::gradient_of(parameter);
    if (gradient.defined() && !is_readable(gradient)) return "a gradient from before is not of the usual kind";
  }
  if (!is_readable(call.target) || net.input.is_inference()) return "the target is of another kind than the output";
  const int64_t outputs = net.network.directions() * net.network.layer(0).outputs();
  if (call.weight.dim() != 2 || call.weight.size(1) != outputs) return "the head is of another width than the output";
  if (call.bias.defined() && !call.bias.sizes().equals({call.weight.size(0)}))
    return "the head's bias has another size";
  std::vector<int64_t> expected = net.input.sizes().vec();
  expected.back() = call.weight.size(0);
  if (!call.target.sizes().equals(expected)) return "the target has another shape than the output";
  return {};
}

at::Tensor mse_gradients(const TrainingCall& call, const std::shared_ptr<Plan>& plan, const Kernels& kernels,
                         const std::shared_ptr<ThreadPool>& pool) {
  const c10::AutoGradMode no_grad(false);
  Loss loss = differentiate(call, Pass(call.network, plan, kernels, pool));
  for (size_t i = 0; i < call.network.weights.size(); i++) {
    add_gradient(call.network.weights[i], std::move(loss.weights[i]));
  }
  add_gradient(call.weight, std::move(loss.weight));
  if (call.bias.defined()) add_gradient(call.bias, std::move(loss.bias));
  return loss.value;
}

}  // namespace rnn::recurrent
