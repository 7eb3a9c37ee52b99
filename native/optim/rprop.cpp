#include <ATen/TensorOperators.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_sign.h>

#include "optim/step.h"

namespace rnn::optim {
namespace {

void update(Bucket& bucket, const Settings& settings) {
  const auto [_, shrink, grow, least, most, maximize] = read<6>(settings);
  const Tensors gradients = descent(bucket, maximize != 0, 0);
  // 1 where the sign of the derivative stays, -1 where it changes.
  const Tensors factors = at::_foreach_mul(gradients, bucket.states[0]);
  at::_foreach_sign_(factors);
  for (size_t i = 0; i < factors.size(); i++) {
    const at::Tensor &factor = factors[i], &previous = bucket.states[0][i], &size = bucket.states[1][i];
    const at::Tensor turned = factor.lt(0);
    factor.masked_fill_(factor.gt(0), grow).masked_fill_(turned, shrink).masked_fill_(factor.eq(0), 1);
    size.mul_(factor).clamp_(least, most);
    // Where the sign has changed, there is no step, and the next one starts anew.
    const at::Tensor derivative = gradients[i].masked_fill(turned, 0);
    bucket.params[i].addcmul_(derivative.sign(), size, -1);
    previous.copy_(derivative);
  }
}

}  // namespace

const Algorithm kRprop = {.name = "rprop", .update = update};

}  // namespace rnn::optim
