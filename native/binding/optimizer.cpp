#include <ATen/TensorOperators.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "binding/addon.h"
#include "binding/promise_list.h"
#include "optim/step.h"
#include "runtime/tensors.h"

namespace rnn::binding {
namespace {

double number(Napi::Object object, const char* name) {
  const Napi::Value value = object.Get(name);
  return value.IsUndefined() ? 0 : value.ToNumber().DoubleValue();
}

optim::Hyper hyper_of(Napi::Object object) {
  return {.lr = number(object, "lr"),
          .weight_decay = number(object, "weightDecay"),
          .momentum = number(object, "momentum"),
          .dampening = number(object, "dampening"),
          .beta1 = number(object, "beta1"),
          .beta2 = number(object, "beta2"),
          .eps = number(object, "eps"),
          .nesterov = object.Get("nesterov").ToBoolean(),
          .maximize = object.Get("maximize").ToBoolean(),
          .amsgrad = object.Get("amsgrad").ToBoolean()};
}

optim::Algorithm algorithm_of(const std::string& name) {
  if (name == "sgd") return optim::Algorithm::kSgd;
  if (name == "adam") return optim::Algorithm::kAdam;
  TORCH_CHECK_VALUE(name == "adamw", "there is no fused optimizer '", name, "'");
  return optim::Algorithm::kAdamW;
}

// fusedStep('sgd' | 'adam' | 'adamw', params, [state lists], steps, hyper, [lr, gradScale, foundInf]): parameters
// without a gradient are skipped. Each of the last three is a list of one tensor, or empty.
Napi::Value fused_step(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const optim::Algorithm algorithm = algorithm_of(info[0].ToString());
  const auto lists_of = [&addon](Napi::Value value) {
    std::vector<PromiseList> lists;
    const Napi::Array array = value.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); i++) lists.emplace_back(addon, array.Get(i));
    return lists;
  };
  const PromiseList params(addon, info[1]);
  const std::vector<PromiseList> states = lists_of(info[2]);
  const PromiseList steps(addon, info[3]);
  const std::vector<PromiseList> scalars = lists_of(info[5]);
  Effects effects{.writes = joined(params, steps), .marks = Effects::kGradients};
  for (const PromiseList& state : states) effects.writes.append(state.begin(), state.end());
  for (const PromiseList& scalar : scalars) effects.reads.append(scalar.begin(), scalar.end());
  addon.dispatch_void(effects, [=, hyper = hyper_of(info[4].ToObject())] {
    std::vector<Tensors> lists;
    for (const PromiseList& state : states) lists.push_back(state.get());
    const auto scalar = [&scalars](size_t i) { return scalars[i].size() == 0 ? at::Tensor() : scalars[i].get()[0]; };
    optim::step(algorithm, params.get(), lists, steps.get(), hyper,
                {.lr = scalar(0), .grad_scale = scalar(1), .found_inf = scalar(2)});
  });
  return info.Env().Undefined();
}

Tensors gradients_of(const PromiseList& params) {
  Tensors gradients;
  for (const at::Tensor& param : params.get()) {
    if (gradient_of(param).defined()) gradients.push_back(param.grad());
  }
  return gradients;
}

Effects of_gradients(const PromiseList& params) { return {.reads = joined(params), .marks = Effects::kGradients}; }

// The algorithm of torch/nn/utils/clip_grad.py, without its intermediate Python lists.
at::Tensor clip(const Tensors& gradients, double max_norm, double norm_type, bool error_if_nonfinite) {
  if (gradients.empty()) return at::zeros({});
  const c10::AutoGradMode no_grad(false);
  Tensors norms = at::_foreach_norm(gradients, norm_type);
  for (at::Tensor& norm : norms) norm = norm.to(norms[0].device(), norms[0].scalar_type());
  const at::Tensor total = at::linalg_vector_norm(at::stack(norms), norm_type);
  if (error_if_nonfinite) {
    TORCH_CHECK(std::isfinite(total.item<double>()), "The total norm of order ", norm_type,
                " for gradients from `parameters` is non-finite, so it cannot be clipped. To disable this error and "
                "scale the gradients by the non-finite norm anyway, set `errorIfNonfinite: false`");
  }
  const at::Tensor coefficient = at::clamp(max_norm / (total + 1e-6), std::nullopt, 1.0);
  if (std::ranges::all_of(gradients, [&](const at::Tensor& one) { return one.device() == coefficient.device(); })) {
    at::_foreach_mul_(gradients, coefficient);
  } else {
    for (const at::Tensor& gradient : gradients) gradient.mul_(coefficient.to(gradient.device()));
  }
  return total;
}

// clipGradNorm(params, maxNorm, normType, errorIfNonfinite) -> the norm before clipping
Napi::Value clip_grad_norm(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const PromiseList params(addon, info[0]);
  const double max_norm = info[1].ToNumber().DoubleValue();
  const double norm_type = info[2].ToNumber().DoubleValue();
  const bool error_if_nonfinite = info[3].ToBoolean();
  const auto ids = addon.dispatch(of_gradients(params), 1, [=] {
    return Tensors{clip(gradients_of(params), max_norm, norm_type, error_if_nonfinite)};
  });
  return Napi::Number::New(info.Env(), ids[0]);
}

// clipGradValue(params, value)
Napi::Value clip_grad_value(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const PromiseList params(addon, info[0]);
  const double value = info[1].ToNumber().DoubleValue();
  addon.dispatch_void(of_gradients(params), [=] {
    const c10::AutoGradMode no_grad(false);
    for (const at::Tensor& gradient : gradients_of(params)) gradient.clamp_(-value, value);
  });
  return info.Env().Undefined();
}

// zeroGrad(params, setToNone)
Napi::Value zero_grad(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const PromiseList params(addon, info[0]);
  const bool set_to_none = info[1].ToBoolean();
  addon.dispatch_void(of_gradients(params), [=] {
    const c10::AutoGradMode no_grad(false);
    for (const at::Tensor& param : params.get()) {
      if (!gradient_of(param).defined()) continue;
      at::Tensor& gradient = param.mutable_grad();
      if (set_to_none) {
        gradient.reset();
      } else {
        gradient.detach_().zero_();
      }
    }
  });
  return info.Env().Undefined();
}

}  // namespace

void init_optimizer(Napi::Object exports) {
  define<fused_step>(exports, "fusedStep");
  define<clip_grad_norm>(exports, "clipGradNorm");
  define<clip_grad_value>(exports, "clipGradValue");
  define<zero_grad>(exports, "zeroGrad");
}

}  // namespace rnn::binding
