#include "recurrent/training.h"

#include <ATen/ops/broadcast_tensors.h>
#include <ATen/ops/mse_loss.h>

#include "binding/addon.h"
#include "binding/packed.h"
#include "binding/recurrent.h"
#include "operators/functional.h"

namespace rnn::binding {
namespace {

// The arguments of both calls below: those of a recurrent network, and what is around it.
struct ModelArguments {
  RecurrentArguments network;
  PromiseList head;
  bool last;
  double dropout;

  ModelArguments(const Addon& addon, const Napi::CallbackInfo& info)
      : network(addon, info), head(addon, info[7]), last(info[8].ToBoolean()), dropout(info[9].ToNumber()) {}

  // Calls `compute` with the call, its module's plan and the reason why LibTorch would have to run the network, and
  // returns its result in the layout of the input.
  template <typename Compute>
  at::Tensor run(const Compute& compute) const {
    const Tensors parameters = head.get();
    at::Tensor output, order;
    if (last && network.packing.size() > 0) order = Packing(network.packing.get()).unsorted_indices;
    network.run([&](const Call& call) {
      output = compute(ModelCall{.network = call.arguments,
                                 .weight = parameters.at(0),
                                 .bias = parameters.size() > 1 ? parameters[1] : at::Tensor(),
                                 .last = last,
                                 .order = order,
                                 .dropout = dropout},
                       call.reason);
      return Tensors{};
    });
    return output;
  }

  // Whether the input is a batch, rather than a single sequence.
  bool batched() const { return network.packing.size() > 0 || network.input.get().at(0).dim() == 3; }

  // The dimension of an output that counts the sequences.
  int64_t batch_dim() const { return last || network.module->batch_first ? 0 : 1; }

  Effects effects() const {
    Effects effects = network.effects();
    effects.reads.append(joined(head));
    effects.marks |= Effects::kGradients;
    if (dropout > 0) effects.marks |= Effects::kRandom;
    return effects;
  }

  // What is known about the output before the call has run.
  std::vector<Outline> outlines(Addon& addon) const {
    Outline outline = addon.outlines(joined(network.input)).at(0);
    std::vector<int64_t> sizes = outline.meta.sizes().vec();
    const bool packed = network.packing.size() > 0;
    TORCH_CHECK(!packed || !last, "the number of sequences is a value");
    if (last) sizes.erase(sizes.begin() + (sizes.size() == 3 && network.module->batch_first ? 1 : 0));
    sizes.back() = addon.outlines(joined(head)).at(0).meta.size(0);
    outline.meta = meta_of(sizes, outline.meta.scalar_type());
    return {outline};
  }
};

// By the shortest way that the call and its tensors allow.
struct Backend {
  std::shared_ptr<Plan> plan;
  const Kernels& kernels;
  std::shared_ptr<ThreadPool> pool;

  at::Tensor output(const ModelCall& call, const std::string& reason) const {
    if (reason.empty() && why_not_direct(call).empty()) return run_model(call, plan, kernels, pool);
    return run_model_by_graph(
        call, reason.empty() ? run_fused(call.network, plan, kernels, pool) : run_libtorch(call.network));
  }
};

// modelOutput(handle, dropout, training, input, [], weights, packing or [], head, last, dropout before the head) -> the
// output of a recurrent network with a linear head (weight, and bias if there is one), at each step or after the `last`
// one. Its graph may reach only the parameters.
Napi::Value model_output(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const ModelArguments arguments(addon, info);
  const auto work = [=, kernels = addon.kernels, pool = addon.pool] {
    const Backend backend{arguments.network.module->plan, *kernels, pool};
    at::Tensor output =
        arguments.run([&](const ModelCall& call, const std::string& reason) { return backend.output(call, reason); });
    return Tensors{arguments.batched() ? output : output.squeeze(arguments.batch_dim())};
  };
  const auto ids =
      addon.dispatch(arguments.effects(), 1, work,
                     addon.forecast([&] { return [&addon, arguments] { return arguments.outlines(addon); }; }));
  addon.account(info.Env());
  return Napi::Number::New(info.Env(), ids[0]);
}

// mseGradients(the same arguments, target, strict) -> the mean squared error of the output; its gradients are added to
// those of the parameters. `strict`: a target that would be broadcast is an error.
Napi::Value mse_gradients_of(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const ModelArguments arguments(addon, info);
  const PromiseList targets(addon, info[10]);
  const bool strict = info[11].ToBoolean();
  Effects effects = arguments.effects();
  effects.reads.append(joined(targets));
  const auto ids = addon.dispatch(effects, 1, [=, kernels = addon.kernels, pool = addon.pool] {
    const Backend backend{arguments.network.module->plan, *kernels, pool};
    const at::Tensor target = targets.get().at(0);
    const bool batched = arguments.batched();
    return Tensors{arguments.run([&](const ModelCall& call, const std::string& reason) {
      if (batched && reason.empty() && why_not_direct(call, target).empty())
        return mse_gradients(call, target, backend.plan, *kernels, pool);
      at::Tensor output = backend.output(call, reason);
      if (!batched) output = output.squeeze(arguments.batch_dim());
      if (strict) operators::require_same_size(output, target);
      if (output.sizes() != target.sizes()) operators::warn_of_broadcast("mseLoss", output, target);
      const auto both = at::broadcast_tensors({output, target});
      const at::Tensor loss = at::mse_loss(both[0], both[1]);
      loss.backward();
      return loss.detach();
    })};
  });
  addon.account(info.Env());
  return Napi::Number::New(info.Env(), ids[0]);
}

}  // namespace

void init_training(Napi::Object exports) {
  define<model_output>(exports, "modelOutput");
  define<mse_gradients_of>(exports, "mseGradients");
}

}  // namespace rnn::binding
