#include <ATen/TensorOperators.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/view_as_real.h>

#include <cmath>

#include "optim/step.h"

namespace rnn::optim {
namespace {

void step_sgd(const at::Tensor& param, at::Tensor gradient, const Tensors& state, const Hyper& hyper, bool first) {
  if (hyper.weight_decay != 0) gradient = gradient.add(param, hyper.weight_decay);
  if (hyper.momentum != 0) {
    const at::Tensor& buffer = state.at(0);
    if (first) {
      buffer.copy_(gradient);
    } else {
      buffer.mul_(hyper.momentum).add_(gradient, 1 - hyper.dampening);
    }
    gradient = hyper.nesterov ? gradient.add(buffer, hyper.momentum) : buffer;
  }
  param.add_(gradient, -hyper.lr);
}

at::Tensor real_view(const at::Tensor& tensor) { return tensor.is_complex() ? at::view_as_real(tensor) : tensor; }

void step_adam(at::Tensor param, at::Tensor gradient, const Tensors& state, double step, const Hyper& hyper,
               bool decoupled) {
  TORCH_CHECK(!gradient.is_sparse(), "Adam does not support sparse gradients");
  if (decoupled) {
    if (hyper.weight_decay != 0) param.mul_(1 - hyper.lr * hyper.weight_decay);
  } else if (hyper.weight_decay != 0) {
    gradient = gradient.add(param, hyper.weight_decay);
  }
  // Treat a complex number as two real ones.
  param = real_view(param);
  gradient = real_view(gradient.resolve_conj());
  const at::Tensor average = real_view(state.at(0)), squares = real_view(state.at(1));
  average.lerp_(gradient, 1 - hyper.beta1);
  squares.mul_(hyper.beta2).addcmul_(gradient, gradient, 1 - hyper.beta2);
  at::Tensor greatest = squares;
  if (hyper.amsgrad) {
    greatest = real_view(state.at(2));
    greatest.copy_(at::maximum(greatest, squares));
  }
  const double correction1 = 1 - std::pow(hyper.beta1, step);
  const double correction2 = 1 - std::pow(hyper.beta2, step);
  param.addcdiv_(average, (greatest.sqrt() / std::sqrt(correction2)).add_(hyper.eps), -hyper.lr / correction1);
}

}  // namespace

void step_unfused(Algorithm algorithm, const Bucket& bucket, Hyper hyper, const Scalars& scalars) {
  if (scalars.lr.defined()) hyper.lr = scalars.lr.item<double>();
  for (size_t i = 0; i < bucket.params.size(); i++) {
    at::Tensor gradient = bucket.gradients[i];
    // In place, like the fused kernels, which also leave the gradients unscaled.
    if (scalars.grad_scale.defined()) gradient.div_(scalars.grad_scale);
    if (hyper.maximize) gradient = gradient.neg();
    Tensors state;
    for (const Tensors& one : bucket.states) state.push_back(one.empty() ? at::Tensor() : one[i]);
    if (algorithm == Algorithm::kSgd) {
      step_sgd(bucket.params[i], gradient, state, hyper, bucket.first);
    } else {
      step_adam(bucket.params[i], gradient, state, bucket.steps.at(i).item<double>(), hyper,
                algorithm == Algorithm::kAdamW);
    }
  }
}

}  // namespace rnn::optim
