#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_addcmul.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_sqrt.h>

#include <cmath>

#include "optim/step.h"

namespace rnn::optim {
namespace {

void update(Bucket& bucket, const Settings& settings) {
  const auto [lr, beta1, beta2, eps, weight_decay, decoupled, maximize] = read<7>(settings);
  const double step = bucket.numbers[0];
  if (decoupled != 0 && weight_decay != 0) at::_foreach_mul_(bucket.params, 1 - lr * weight_decay);
  const Tensors gradients = descent(bucket, maximize != 0, decoupled != 0 ? 0 : weight_decay);
  const Tensors &averages = bucket.states[0], &squares = bucket.states[1];
  at::_foreach_lerp_(averages, gradients, 1 - beta1);
  at::_foreach_mul_(squares, beta2);
  at::_foreach_addcmul_(squares, gradients, gradients, 1 - beta2);
  const double rate = lr / (1 - std::pow(beta1, step));
  const double correction = 1 - std::pow(beta2, step);
  // The length of the approximated simple moving average, and its maximum.
  const double longest = 2 / (1 - beta2) - 1;
  const double length = longest - 2 * step * std::pow(beta2, step) / correction;
  if (length <= 5) return at::_foreach_add_(bucket.params, averages, -rate);
  const double rectification =
      std::sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length));
  const Tensors scales = at::_foreach_sqrt(squares);
  at::_foreach_add_(scales, eps);
  at::_foreach_addcdiv_(bucket.params, averages, scales, -rate * std::sqrt(correction) * rectification);
}

}  // namespace

const Algorithm kRadam = {.name = "radam", .update = update, .counters = Counters::kRead};

}  // namespace rnn::optim
