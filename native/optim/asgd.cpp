#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_sub.h>

#include <algorithm>
#include <cmath>

#include "optim/step.h"

namespace rnn::optim {
namespace {

void update(Bucket& bucket, const Settings& settings) {
  const auto [lr, lambd, alpha, t0, weight_decay, maximize] = read<6>(settings);
  const Tensors gradients = descent(bucket, maximize != 0, weight_decay);
  const Tensors& averages = bucket.states[0];
  const double step = bucket.numbers[0];
  double &rate = bucket.numbers[1], &share = bucket.numbers[2];
  at::_foreach_mul_(bucket.params, 1 - lambd * rate);
  at::_foreach_add_(bucket.params, gradients, -rate);
  if (share == 1) {
    at::_foreach_copy_(averages, bucket.params);
  } else {
    const Tensors changes = at::_foreach_sub(bucket.params, averages);
    at::_foreach_mul_(changes, share);
    at::_foreach_add_(averages, changes);
  }
  // Those of the next step.
  rate = lr / std::pow(1 + lambd * lr * step, alpha);
  share = 1 / std::max(1.0, step - t0);
}

}  // namespace

const Algorithm kAsgd = {.name = "asgd", .update = update, .counters = Counters::kRead};

}  // namespace rnn::optim
