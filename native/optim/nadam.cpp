#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_addcmul.h>
#include <ATen/ops/_foreach_div.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_sqrt.h>

#include <cmath>

#include "optim/step.h"

namespace rnn::optim {
namespace {

void update(Bucket& bucket, const Settings& settings) {
  const auto [lr, beta1, beta2, eps, weight_decay, momentum_decay, decoupled, maximize] = read<8>(settings);
  const double step = bucket.numbers[0];
  if (decoupled != 0 && weight_decay != 0) at::_foreach_mul_(bucket.params, 1 - lr * weight_decay);
  const Tensors gradients = descent(bucket, maximize != 0, decoupled != 0 ? 0 : weight_decay);
  const auto momentum = [beta1 = beta1, decay = momentum_decay](double at) {
    return beta1 * (1 - 0.5 * std::pow(0.96, at * decay));
  };
  const double now = momentum(step), next = momentum(step + 1);
  // PyTorch keeps the product in a float32 tensor.
  double& product = bucket.numbers[1];
  product = static_cast<float>(product) * static_cast<float>(now);
  const Tensors &averages = bucket.states[0], &squares = bucket.states[1];
  at::_foreach_lerp_(averages, gradients, 1 - beta1);
  at::_foreach_mul_(squares, beta2);
  at::_foreach_addcmul_(squares, gradients, gradients, 1 - beta2);
  const Tensors scales = at::_foreach_div(squares, 1 - std::pow(beta2, step));
  at::_foreach_sqrt_(scales);
  at::_foreach_add_(scales, eps);
  at::_foreach_addcdiv_(bucket.params, gradients, scales, -lr * (1 - now) / (1 - product));
  at::_foreach_addcdiv_(bucket.params, averages, scales, -lr * next / (1 - product * next));
}

}  // namespace

const Algorithm kNadam = {.name = "nadam", .update = update, .counters = Counters::kRead};

}  // namespace rnn::optim
