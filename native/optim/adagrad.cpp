#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_addcmul.h>
#include <ATen/ops/_foreach_sqrt.h>
#include <ATen/ops/_fused_adagrad.h>

#include "optim/step.h"

namespace rnn::optim {
namespace {

void update(Bucket& bucket, const Settings& settings) {
  const auto [lr, lr_decay, weight_decay, eps, maximize] = read<5>(settings);
  const Tensors gradients = descent(bucket, maximize != 0, weight_decay);
  const Tensors& sums = bucket.states[0];
  at::_foreach_addcmul_(sums, gradients, gradients, 1);
  const Tensors scales = at::_foreach_sqrt(sums);
  at::_foreach_add_(scales, eps);
  at::_foreach_addcdiv_(bucket.params, gradients, scales, -lr / (1 + (bucket.numbers[0] - 1) * lr_decay));
}

void kernel(const Bucket& bucket, const Settings& settings, const Scalars& scalars) {
  const auto given = read<5>(settings);
  // LibTorch has separate operators for numbers and tensors.
  const auto run = [&](const auto& lr) {
    const auto [_, lr_decay, weight_decay, eps, maximize] = given;
    at::_fused_adagrad_(bucket.params, bucket.gradients, bucket.states[0], bucket.singles[0], lr, lr_decay,
                        weight_decay, eps, maximize != 0, optional(scalars.grad_scale), optional(scalars.found_inf));
  };
  scalars.lr.defined() ? run(scalars.lr) : run(given[0]);
  uncount(bucket, scalars);
}

}  // namespace

const Algorithm kAdagrad = {
    .name = "adagrad", .update = update, .counters = Counters::kReadWithoutKernel, .kernel = kernel};

}  // namespace rnn::optim
