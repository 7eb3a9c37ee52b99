#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>

#include <optional>

#include "optim/step.h"

namespace rnn::optim {
namespace {

std::optional<at::Tensor> optional(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

// `lr` is a number or a tensor; LibTorch has a separate operator for each.
template <typename Rate>
void step_sgd(const Bucket& bucket, const Rate& lr, const Hyper& hyper, const Scalars& scalars) {
  at::_fused_sgd_(bucket.params, bucket.gradients, bucket.states[0], hyper.weight_decay, hyper.momentum, lr,
                  hyper.dampening, hyper.nesterov, hyper.maximize, bucket.first, optional(scalars.grad_scale),
                  optional(scalars.found_inf));
}

template <typename Rate>
void step_adam(const Bucket& bucket, const Rate& lr, const Hyper& hyper, const Scalars& scalars, bool decoupled) {
  const auto run = [&](const auto& operation) {
    operation(bucket.params, bucket.gradients, bucket.states[0], bucket.states[1], bucket.states[2], bucket.steps, lr,
              hyper.beta1, hyper.beta2, hyper.weight_decay, hyper.eps, hyper.amsgrad, hyper.maximize,
              optional(scalars.grad_scale), optional(scalars.found_inf));
  };
  if (decoupled) {
    run([](const auto&... arguments) { at::_fused_adamw_(arguments...); });
  } else {
    run([](const auto&... arguments) { at::_fused_adam_(arguments...); });
  }
}

}  // namespace

void step_fused(Algorithm algorithm, const Bucket& bucket, const Hyper& hyper, const Scalars& scalars) {
  const auto run = [&](const auto& lr) {
    if (algorithm == Algorithm::kSgd) {
      step_sgd(bucket, lr, hyper, scalars);
    } else {
      step_adam(bucket, lr, hyper, scalars, algorithm == Algorithm::kAdamW);
    }
  };
  scalars.lr.defined() ? run(scalars.lr) : run(hyper.lr);
}

}  // namespace rnn::optim
