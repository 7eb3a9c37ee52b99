#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_addcmul.h>
#include <ATen/ops/_foreach_div.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_maximum.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_sqrt.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>

#include <cmath>

#include "optim/step.h"

namespace rnn::optim {
namespace {

template <bool decoupled>
void update(Bucket& bucket, const Settings& settings) {
  const auto [lr, beta1, beta2, eps, weight_decay, amsgrad, maximize] = read<7>(settings);
  const double step = bucket.numbers[0];
  if (decoupled && weight_decay != 0) at::_foreach_mul_(bucket.params, 1 - lr * weight_decay);
  const Tensors gradients = descent(bucket, maximize != 0, decoupled ? 0 : weight_decay);
  const Tensors &averages = bucket.states[0], &squares = bucket.states[1], &greatest = bucket.states[2];
  at::_foreach_lerp_(averages, gradients, 1 - beta1);
  at::_foreach_mul_(squares, beta2);
  at::_foreach_addcmul_(squares, gradients, gradients, 1 - beta2);
  if (amsgrad != 0) at::_foreach_maximum_(greatest, squares);
  const Tensors scales = at::_foreach_sqrt(amsgrad != 0 ? greatest : squares);
  at::_foreach_div_(scales, std::sqrt(1 - std::pow(beta2, step)));
  at::_foreach_add_(scales, eps);
  at::_foreach_addcdiv_(bucket.params, averages, scales, -lr / (1 - std::pow(beta1, step)));
}

template <bool decoupled>
void kernel(const Bucket& bucket, const Settings& settings, const Scalars& scalars) {
  const auto given = read<7>(settings);
  // LibTorch has separate operators for numbers and tensors.
  const auto run = [&](const auto& lr) {
    const auto [_, beta1, beta2, eps, weight_decay, amsgrad, maximize] = given;
    const auto& [averages, squares, greatest] = std::tie(bucket.states[0], bucket.states[1], bucket.states[2]);
    const auto& steps = bucket.singles[0];
    const auto grad_scale = optional(scalars.grad_scale), found_inf = optional(scalars.found_inf);
    if constexpr (decoupled) {
      at::_fused_adamw_(bucket.params, bucket.gradients, averages, squares, greatest, steps, lr, beta1, beta2,
                        weight_decay, eps, amsgrad != 0, maximize != 0, grad_scale, found_inf);
    } else {
      at::_fused_adam_(bucket.params, bucket.gradients, averages, squares, greatest, steps, lr, beta1, beta2,
                       weight_decay, eps, amsgrad != 0, maximize != 0, grad_scale, found_inf);
    }
  };
  scalars.lr.defined() ? run(scalars.lr) : run(given[0]);
  uncount(bucket, scalars);
}

}  // namespace

const Algorithm kAdam = {
    .name = "adam", .update = update<false>, .counters = Counters::kReadWithoutKernel, .kernel = kernel<false>};
const Algorithm kAdamW = {
    .name = "adamw", .update = update<true>, .counters = Counters::kReadWithoutKernel, .kernel = kernel<true>};

}  // namespace rnn::optim
