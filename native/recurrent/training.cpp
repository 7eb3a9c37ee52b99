#include "recurrent/training.h"

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linear.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

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

// The number of multiplications in the head from which threads pay off.
constexpr int64_t kWorthThreads = 4'000'000;

bool needs_gradient(const at::Tensor& tensor) { return tensor.defined() && tensor.requires_grad(); }

void add_gradient(const at::Tensor& parameter, at::Tensor gradient) {
  if (!gradient.defined()) return;
  at::Tensor& sum = parameter.mutable_grad();
  if (sum.defined()) {
    sum.add_(gradient);
  } else {
    sum = std::move(gradient);
  }
}

// Applies dropout in the way of at::dropout, with the same random numbers. Returns the factors.
at::Tensor drop(at::Tensor& x, double probability) {
  at::Tensor factors = at::empty_like(x);
  if (probability == 1) {
    factors.zero_();
  } else {
    factors.bernoulli_(1 - probability).div_(1 - probability);
  }
  x = x.mul(factors);
  return factors;
}

// The last state of the top layer, (N, W), of h (layers directions, N, P).
at::Tensor last_of(const at::Tensor& h, int64_t directions) {
  if (directions == 1) return h.select(0, -1);
  return at::cat({h.select(0, -2), h.select(0, -1)}, -1);
}

// (N, L, …) as (L, N, …), unless there is only one output for each sequence.
at::Tensor steps_first(const ModelCall& call, const at::Tensor& tensor) {
  return call.last ? tensor : sequence_first(call.network, tensor);
}

// Both passes of a model.
class ModelPass {
 public:
  ModelPass(const ModelCall& call, std::shared_ptr<Plan> plan, const Kernels& kernels, std::shared_ptr<ThreadPool> pool)
      : call_(call), pass_(call_.network, std::move(plan), kernels, std::move(pool)) {}

  // The output with the steps first.
  at::Tensor forward() {
    const NetworkCall& net = call_.network;
    at::Tensor x = with_dense_rows(sequence_first(net, net.input)), h;
    for (int64_t index = 0; index < net.network.layers; index++) {
      LayerPass layer;
      Tensors state;
      for (const at::Tensor& of_all : net.state) {
        const bool whole = net.network.layers == 1;
        state.push_back(whole ? of_all : of_all.narrow(0, index * net.network.directions(), net.network.directions()));
        state.back() = state.back().contiguous();
      }
      const at::TensorList weights = weights_of(index);
      layer.arguments = {x};
      layer.arguments.insert(layer.arguments.end(), state.begin(), state.end());
      layer.arguments.insert(layer.arguments.end(), weights.begin(), weights.end());
      Tensors results = forward_layer(pass_, index, x, state, weights, &layer.saved);
      x = layer.y = std::move(results[0]);
      h = std::move(results[1]);
      layers_.push_back(std::move(layer));
      if (index + 1 == net.network.layers || net.network.dropout == 0 || !net.network.train) continue;
      dropped_.push_back(drop(x, net.network.dropout));
    }
    features_ = call_.last ? last_of(h, net.network.directions()) : x;
    if (call_.order.defined()) features_ = features_.index_select(0, call_.order);
    if (call_.dropout > 0) before_head_ = drop(features_, call_.dropout);
    weight_ = call_.weight.contiguous();
    bias_ = call_.bias.defined() ? call_.bias.contiguous() : at::Tensor();
    std::vector<int64_t> sizes = features_.sizes().vec();
    sizes.back() = weight_.size(0);
    const at::Tensor y = at::empty(sizes, features_.options());
    head().forward(y.mutable_data_ptr<float>());
    return y;
  }

  // Adds the gradients of the parameters. `dy` is that of the output.
  void backward(const at::Tensor& dy) {
    const NetworkCall& net = call_.network;
    const int64_t layers = net.network.layers, lowest = lowest_layer();
    at::Tensor weight, bias, dx;
    if (needs_gradient(call_.weight)) weight = at::empty(call_.weight.sizes(), dy.options());
    if (needs_gradient(call_.bias)) bias = at::empty(call_.bias.sizes(), dy.options());
    if (lowest < layers) dx = at::empty(features_.sizes(), dy.options());
    head().backward(dy.const_data_ptr<float>(), {.x = data_of(dx), .weight = data_of(weight), .bias = data_of(bias)});
    add_gradient(call_.weight, std::move(weight));
    if (call_.bias.defined()) add_gradient(call_.bias, std::move(bias));
    if (!dx.defined()) return;
    if (before_head_.defined()) dx.mul_(before_head_);
    if (call_.order.defined()) dx = at::empty_like(dx).index_copy_(0, call_.order, dx);
    Tensors gradients(1 + net.state.size());
    gradients[call_.last ? 1 : 0] = call_.last ? of_directions(dx) : dx;
    for (int64_t index = layers; index-- > lowest;) {
      const at::Tensor below = backward(index, gradients, index > lowest);
      gradients = Tensors(1 + net.state.size());
      gradients[0] = below;
      const bool drops = index > lowest && !dropped_.empty();
      if (drops) gradients[0].mul_(dropped_[static_cast<size_t>(index - 1)]);
    }
  }

  const ModelCall& call() const { return call_; }

 private:
  size_t per_layer() const {
    return call_.network.network.parameters() * static_cast<size_t>(call_.network.network.directions());
  }

  at::TensorList weights_of(int64_t index) const {
    return at::TensorList(call_.network.weights).slice(static_cast<size_t>(index) * per_layer(), per_layer());
  }

  // The lowest layer with parameters that learn.
  int64_t lowest_layer() const {
    const Tensors& weights = call_.network.weights;
    const auto first = std::find_if(weights.begin(), weights.end(), needs_gradient) - weights.begin();
    return first / static_cast<int64_t>(per_layer());
  }

  Head head() const {
    const int64_t inputs = features_.size(-1), outputs = weight_.size(0);
    const int64_t rows = features_.numel() / inputs;
    return {.kernels = pass_.kernels,
            .pool = *pass_.pool,
            .threads = rows * outputs * inputs < kWorthThreads ? 1 : at::get_num_threads(),
            .rows = rows,
            .inputs = inputs,
            .outputs = outputs,
            .x = features_.const_data_ptr<float>(),
            .weight = weight_.const_data_ptr<float>(),
            .bias = data_of(bias_)};
  }

  // (N, D P) as (D, N, P)
  at::Tensor of_directions(const at::Tensor& features) const {
    const int64_t directions = call_.network.network.directions();
    return features.view({features.size(0), directions, -1}).transpose(0, 1);
  }

  // The gradients of one layer. Returns that of its input, if it is needed.
  at::Tensor backward(int64_t index, const Tensors& gradients, bool needs_input) {
    const LayerPass& layer = layers_[static_cast<size_t>(index)];
    std::vector<bool> needed;
    for (const at::Tensor& argument : layer.arguments) needed.push_back(argument.requires_grad());
    needed[0] = needs_input;
    Tensors found = backward_layer(pass_, index, layer.arguments, layer.y, layer.saved, gradients, needed);
    const at::TensorList weights = weights_of(index);
    const size_t first = found.size() - weights.size();
    for (size_t i = 0; i < weights.size(); i++) add_gradient(weights[i], std::move(found[first + i]));
    return found[0];
  }

  ModelCall call_;
  Pass pass_;
  std::vector<LayerPass> layers_;
  // The factors of dropout after each layer except the last.
  Tensors dropped_;
  at::Tensor features_, before_head_, weight_, bias_;
};

// The graph of a model: the node has no edges to the parameters.
class ModelBackward : public torch::autograd::Node {
 public:
  explicit ModelBackward(std::unique_ptr<ModelPass> pass) : pass_(std::move(pass)) {}

  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    const std::lock_guard lock(mutex_);
    TORCH_CHECK(pass_ != nullptr, torch::autograd::ERR_BACKWARD_TWICE);
    TORCH_CHECK(!c10::GradMode::is_enabled(), "Double backwards is not supported for the output of a training step");
    if (!gradients.at(0).defined()) return {};
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    pass_->backward(steps_first(pass_->call(), plain(gradients[0])).contiguous());
    return {};
  }

  std::string name() const override { return "RecurrentModelBackward"; }

  void release_variables() override {
    const std::lock_guard lock(mutex_);
    pass_.reset();
  }

 private:
  std::unique_ptr<ModelPass> pass_;
};

bool is_readable(const at::Tensor& tensor) {
  return tensor.device().is_cpu() && tensor.layout() == at::kStrided && tensor.scalar_type() == at::kFloat &&
         !tensor.is_neg() && !tensor._is_zerotensor() && !tensor.is_inference();
}

// Replaces y by the gradient of the mean of (y - target)², which it returns.
double differentiate(float* y, const float* target, int64_t count) {
  const float scale = 2.0F / static_cast<float>(count);
  double sum = 0;
  for (int64_t i = 0; i < count; i++) {
    const float difference = y[i] - target[i];
    sum += static_cast<double>(difference) * difference;
    y[i] = scale * difference;
  }
  return sum / static_cast<double>(count);
}

}  // namespace

std::string why_not_direct(const ModelCall& call) {
  const NetworkCall& net = call.network;
  if (const std::string reason = why_not_fused(net); !reason.empty()) return reason;
  if (!c10::GradMode::is_enabled()) return "gradients are switched off";
  if (net.input.scalar_type() != at::kFloat) return "the tensors are not float32";
  const auto wants = [](const at::Tensor& tensor) { return tensor.requires_grad(); };
  if (net.input.requires_grad() || std::any_of(net.state.begin(), net.state.end(), wants))
    return "an input wants a gradient, too";
  if (net.input.is_inference()) return "the input is an inference tensor";
  Tensors parameters = net.weights;
  parameters.push_back(call.weight);
  if (call.bias.defined()) parameters.push_back(call.bias);
  if (std::none_of(parameters.begin(), parameters.end(), needs_gradient)) return "no parameter learns";
  for (const at::Tensor& parameter : parameters) {
    if (!parameter.is_leaf() || !is_readable(parameter)) return "a parameter is the result of other operations";
    const at::Tensor& gradient = runtime::gradient_of(parameter);
    if (gradient.defined() && !is_readable(gradient)) return "a gradient from before is not of the usual kind";
  }
  const int64_t outputs = net.network.directions() * net.network.layer(0).outputs();
  if (call.weight.dim() != 2 || call.weight.size(1) != outputs) return "the head is of another width than the output";
  if (call.bias.defined() && !call.bias.sizes().equals({call.weight.size(0)}))
    return "the head's bias has another size";
  return {};
}

std::string why_not_direct(const ModelCall& call, const at::Tensor& target) {
  if (const std::string reason = why_not_direct(call); !reason.empty()) return reason;
  const NetworkCall& net = call.network;
  if (net.batch_sizes.defined()) return "the input is a packed sequence";
  if (target.requires_grad()) return "the target wants a gradient, too";
  if (!is_readable(target)) return "the target is of another kind than the output";
  std::vector<int64_t> expected = net.input.sizes().vec();
  if (call.last) expected = {net.input.size(net.batch_first ? 0 : 1), 0};
  expected.back() = call.weight.size(0);
  return target.sizes().equals(expected) ? std::string() : "the target has another shape than the output";
}

at::Tensor run_model(const ModelCall& call, const std::shared_ptr<Plan>& plan, const Kernels& kernels,
                     const std::shared_ptr<ThreadPool>& pool) {
  auto pass = std::make_unique<ModelPass>(call, plan, kernels, pool);
  at::Tensor output;
  {
    const c10::AutoGradMode no_grad(false);
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    output = steps_first(call, pass->forward());
  }
  torch::autograd::set_history(output, c10::make_intrusive<ModelBackward>(std::move(pass)));
  return output;
}

at::Tensor run_model_by_graph(const ModelCall& call, const Tensors& results) {
  at::Tensor features = call.last ? last_of(results[1], call.network.network.directions()) : results[0];
  if (call.order.defined()) features = features.index_select(0, call.order);
  if (call.dropout > 0) features = at::dropout(features, call.dropout, true);
  return at::linear(features, call.weight, call.bias.defined() ? std::optional(call.bias) : std::nullopt);
}

at::Tensor mse_gradients(const ModelCall& call, const at::Tensor& target, const std::shared_ptr<Plan>& plan,
                         const Kernels& kernels, const std::shared_ptr<ThreadPool>& pool) {
  const c10::AutoGradMode no_grad(false);
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  ModelPass pass(call, plan, kernels, pool);
  const at::Tensor y = pass.forward(), wanted = steps_first(call, target).contiguous();
  const at::Tensor loss = at::empty({}, y.options());
  *loss.mutable_data_ptr<float>() =
      static_cast<float>(differentiate(y.mutable_data_ptr<float>(), wanted.const_data_ptr<float>(), y.numel()));
  pass.backward(y);
  return loss;
}

}  // namespace rnn::recurrent
