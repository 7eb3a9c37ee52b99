#include <ATen/TensorOperators.h>
#include <ATen/ops/_fused_sgd.h>

#include "optim/step.h"

namespace rnn::optim {
namespace {

// The first momentum is the gradient itself, without dampening. If there is no dampening, zero-filled buffers give the
// same result, and there is no counter.
bool is_first(const Bucket& bucket) { return !bucket.numbers.empty() && bucket.numbers[0] == 1; }

void update(Bucket& bucket, const Settings& settings) {
  const auto [lr, momentum, dampening, weight_decay, nesterov, maximize] = read<6>(settings);
  for (size_t i = 0; i < bucket.params.size(); i++) {
    const at::Tensor& param = bucket.params[i];
    at::Tensor gradient = bucket.gradients[i];
    if (maximize != 0) gradient = gradient.neg();
    if (weight_decay != 0) gradient = gradient.add(param, weight_decay);
    if (momentum != 0) {
      const at::Tensor& buffer = bucket.states.at(0)[i];
      if (is_first(bucket)) {
        buffer.copy_(gradient);
      } else {
        buffer.mul_(momentum).add_(gradient, 1 - dampening);
      }
      gradient = nesterov != 0 ? gradient.add(buffer, momentum) : buffer;
    }
    param.add_(gradient, -lr);
  }
}

void kernel(const Bucket& bucket, const Settings& settings, const Scalars& scalars) {
  const auto given = read<6>(settings);
  // LibTorch has separate operators for numbers and tensors.
  const auto run = [&](const auto& lr) {
    const auto [_, momentum, dampening, weight_decay, nesterov, maximize] = given;
    at::_fused_sgd_(bucket.params, bucket.gradients, bucket.states[0], weight_decay, momentum, lr, dampening,
                    nesterov != 0, maximize != 0, is_first(bucket), optional(scalars.grad_scale),
                    optional(scalars.found_inf));
  };
  scalars.lr.defined() ? run(scalars.lr) : run(given[0]);
}

}  // namespace

const Algorithm kSgd = {.name = "sgd",
                        .update = update,
                        .counters = Counters::kRead,
                        .kernel = kernel,
                        .half_precision_on_cpu = false,
                        .sparse_gradients = true};

}  // namespace rnn::optim
