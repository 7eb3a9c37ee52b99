#include <ATen/ops/_foreach_abs.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_maximum.h>
#include <ATen/ops/_foreach_mul.h>

#include <cmath>

#include "optim/step.h"

namespace rnn::optim {
namespace {

void update(Bucket& bucket, const Settings& settings) {
  const auto [lr, beta1, beta2, eps, weight_decay, maximize] = read<6>(settings);
  const Tensors gradients = descent(bucket, maximize != 0, weight_decay);
  const Tensors &averages = bucket.states[0], &norms = bucket.states[1];
  at::_foreach_lerp_(averages, gradients, 1 - beta1);
  at::_foreach_mul_(norms, beta2);
  const Tensors sizes = at::_foreach_abs(gradients);
  at::_foreach_add_(sizes, eps);
  at::_foreach_maximum_(norms, sizes);
  at::_foreach_addcdiv_(bucket.params, averages, norms, -lr / (1 - std::pow(beta1, bucket.numbers[0])));
}

}  // namespace

const Algorithm kAdamax = {.name = "adamax", .update = update, .counters = Counters::kRead};

}  // namespace rnn::optim
