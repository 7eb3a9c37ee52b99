#include "recurrent/training.h"

#include <ATen/ops/broadcast_tensors.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mse_loss.h>

#include "binding/addon.h"
#include "binding/recurrent.h"
#include "operators/functional.h"

namespace rnn::binding {
namespace {

// The same with an autograd graph, for any tensors.
at::Tensor through_graph(const Call& call, const TrainingCall& training, bool batched, bool strict,
                         const std::shared_ptr<Plan>& plan, const Kernels& kernels,
                         const std::shared_ptr<ThreadPool>& pool) {
  const at::Tensor y =
      call.reason.empty() ? run_fused(call.arguments, plan, kernels, pool)[0] : run_libtorch(call.arguments)[0];
  at::Tensor output =
      at::linear(y, training.weight, training.bias.defined() ? std::optional(training.bias) : std::nullopt);
  if (!batched) output = output.squeeze(call.arguments.batch_first ? 0 : 1);
  if (strict) operators::require_same_size(output, training.target);
  if (output.sizes() != training.target.sizes()) operators::warn_of_broadcast("mseLoss", output, training.target);
  const auto both = at::broadcast_tensors({output, training.target});
  const at::Tensor loss = at::mse_loss(both[0], both[1]);
  loss.backward();
  return loss.detach();
}

// mseGradients(handle, dropout, training, input, [], weights, [], head, target, strict) -> the mean squared error of a
// recurrent network with a linear head (weight, and bias if there is one); its gradients are added to those of the
// parameters. `strict`: a target that would be broadcast is an error.
Napi::Value mse_gradients_of(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const RecurrentArguments arguments(addon, info);
  const PromiseList head(addon, info[7]), target(addon, info[8]);
  const bool strict = info[9].ToBoolean();
  Effects effects = arguments.effects();
  effects.reads.append(joined(head, target));
  effects.marks |= Effects::kGradients;
  const auto ids = addon.dispatch(effects, 1, [=, kernels = addon.kernels, pool = addon.pool] {
    const Tensors parameters = head.get();
    const bool batched = arguments.input.get().at(0).dim() == 3;
    at::Tensor loss;
    arguments.run([&](const Call& call) {
      const TrainingCall training{.network = call.arguments,
                                  .weight = parameters.at(0),
                                  .bias = parameters.size() > 1 ? parameters[1] : at::Tensor(),
                                  .target = target.get().at(0)};
      const std::shared_ptr<Plan>& plan = arguments.module->plan;
      const bool direct = batched && call.reason.empty() && why_not_direct(training).empty();
      loss = direct ? mse_gradients(training, plan, *kernels, pool)
                    : through_graph(call, training, batched, strict, plan, *kernels, pool);
      return Tensors{};
    });
    return Tensors{loss};
  });
  addon.account(info.Env());
  return Napi::Number::New(info.Env(), ids[0]);
}

}  // namespace

void init_training(Napi::Object exports) { define<mse_gradients_of>(exports, "mseGradients"); }

}  // namespace rnn::binding
