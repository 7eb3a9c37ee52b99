#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_addcmul.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_sqrt.h>

#include "optim/step.h"

namespace rnn::optim {
namespace {

void update(Bucket& bucket, const Settings& settings) {
  const auto [lr, alpha, eps, weight_decay, momentum, centered, maximize] = read<7>(settings);
  const Tensors gradients = descent(bucket, maximize != 0, weight_decay);
  const Tensors &squares = bucket.states[0], &buffers = bucket.states[1], &means = bucket.states[2];
  at::_foreach_mul_(squares, alpha);
  at::_foreach_addcmul_(squares, gradients, gradients, 1 - alpha);
  Tensors scales;
  if (centered != 0) {
    at::_foreach_lerp_(means, gradients, 1 - alpha);
    scales = at::_foreach_addcmul(squares, means, means, -1);
    at::_foreach_sqrt_(scales);
  } else {
    scales = at::_foreach_sqrt(squares);
  }
  at::_foreach_add_(scales, eps);
  if (momentum > 0) {
    at::_foreach_mul_(buffers, momentum);
    at::_foreach_addcdiv_(buffers, gradients, scales, 1);
    at::_foreach_add_(bucket.params, buffers, -lr);
  } else {
    at::_foreach_addcdiv_(bucket.params, gradients, scales, -lr);
  }
}

}  // namespace

const Algorithm kRmsprop = {.name = "rmsprop", .update = update};

}  // namespace rnn::optim
