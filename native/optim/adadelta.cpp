#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcmul.h>
#include <ATen/ops/_foreach_div.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_sqrt.h>

#include "optim/step.h"

namespace rnn::optim {
namespace {

void update(Bucket& bucket, const Settings& settings) {
  const auto [lr, rho, eps, weight_decay, maximize] = read<5>(settings);
  const Tensors gradients = descent(bucket, maximize != 0, weight_decay);
  const Tensors &squares = bucket.states[0], &changes = bucket.states[1];
  at::_foreach_mul_(squares, rho);
  at::_foreach_addcmul_(squares, gradients, gradients, 1 - rho);
  const Tensors scales = at::_foreach_add(squares, eps);
  at::_foreach_sqrt_(scales);
  const Tensors deltas = at::_foreach_add(changes, eps);
  at::_foreach_sqrt_(deltas);
  at::_foreach_div_(deltas, scales);
  at::_foreach_mul_(deltas, gradients);
  at::_foreach_mul_(changes, rho);
  at::_foreach_addcmul_(changes, deltas, deltas, 1 - rho);
  at::_foreach_add_(bucket.params, deltas, -lr);
}

}  // namespace

const Algorithm kAdadelta = {.name = "adadelta", .update = update};

}  // namespace rnn::optim
