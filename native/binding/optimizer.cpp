#include <ATen/TensorOperators.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>

#include "binding/addon.h"
#include "binding/promise_list.h"
#include "optim/step.h"
#include "runtime/tensors.h"

namespace rnn::binding {
namespace {

std::vector<PromiseList> lists_of(const Addon& addon, Napi::Value value) {
  std::vector<PromiseList> lists;
  const Napi::Array array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) lists.emplace_back(addon, array.Get(i));
  return lists;
}

std::vector<Tensors> tensors_of(const std::vector<PromiseList>& lists) {
  std::vector<Tensors> tensors;
  for (const PromiseList& list : lists) tensors.push_back(list.get());
  return tensors;
}

optim::Settings settings_of(Napi::Array array) {
  optim::Settings settings;
  for (uint32_t i = 0; i < array.Length(); i++) settings.push_back(array.Get(i).ToNumber().DoubleValue());
  return settings;
}

// optimizerStep('adam', params, [state lists], [lists of single numbers], settings, [lr, gradScale, foundInf]):
// parameters without a gradient are skipped. Each of the last three is a list of one tensor, or empty.
Napi::Value optimizer_step(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const optim::Algorithm& algorithm = optim::algorithm_of(info[0].ToString().Utf8Value());
  const PromiseList params(addon, info[1]);
  const std::vector<PromiseList> states = lists_of(addon, info[2]);
  const std::vector<PromiseList> singles = lists_of(addon, info[3]);
  const std::vector<PromiseList> scalars = lists_of(addon, info[5]);
  Effects effects{.writes = joined(params), .marks = Effects::kGradients};
  for (const PromiseList& state : states) effects.writes.append(state.begin(), state.end());
  for (const PromiseList& single : singles) effects.writes.append(single.begin(), single.end());
  for (const PromiseList& scalar : scalars) effects.reads.append(scalar.begin(), scalar.end());
  addon.dispatch_void(effects, [=, &algorithm, settings = settings_of(info[4].As<Napi::Array>())] {
    const auto scalar = [&scalars](size_t i) { return scalars[i].size() == 0 ? at::Tensor() : scalars[i].get()[0]; };
    optim::step(algorithm, params.get(), tensors_of(states), tensors_of(singles), settings,
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

// The algorithms of torch/nn/utils/clip_grad.py, without their intermediate Python lists.
at::Tensor total_norm(const Tensors& tensors, double norm_type, bool error_if_nonfinite) {
  if (tensors.empty()) return at::zeros({});
  const c10::AutoGradMode no_grad(false);
  Tensors norms = at::_foreach_norm(tensors, norm_type);
  for (at::Tensor& norm : norms) norm = norm.to(norms[0].device(), norms[0].scalar_type());
  const at::Tensor total = at::linalg_vector_norm(at::stack(norms), norm_type);
  if (error_if_nonfinite) {
    TORCH_CHECK(std::isfinite(total.item<double>()), "The total norm of order ", norm_type,
                " for gradients from `parameters` is non-finite, so it cannot be clipped. To disable this error and "
                "scale the gradients by the non-finite norm anyway, set `errorIfNonfinite: false`");
  }
  return total;
}

void clip(const Tensors& gradients, double max_norm, const at::Tensor& total) {
  if (gradients.empty()) return;
  const c10::AutoGradMode no_grad(false);
  const at::Tensor coefficient = at::clamp(max_norm / (total + 1e-6), std::nullopt, 1.0);
  if (std::ranges::all_of(gradients, [&](const at::Tensor& one) { return one.device() == coefficient.device(); })) {
    at::_foreach_mul_(gradients, coefficient);
  } else {
    for (const at::Tensor& gradient : gradients) gradient.mul_(coefficient.to(gradient.device()));
  }
}

// totalNorm(tensors, normType, errorIfNonfinite) -> the norm of all of them as one vector
Napi::Value total_norm(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const PromiseList tensors(addon, info[0]);
  const double norm_type = info[1].ToNumber().DoubleValue();
  const bool error_if_nonfinite = info[2].ToBoolean();
  const auto ids = addon.dispatch({.reads = joined(tensors)}, 1,
                                  [=] { return Tensors{total_norm(tensors.get(), norm_type, error_if_nonfinite)}; });
  return Napi::Number::New(info.Env(), ids[0]);
}

// clipGradsWithNorm(params, maxNorm, [the total norm])
Napi::Value clip_grads_with_norm(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const PromiseList params(addon, info[0]), total(addon, info[2]);
  const double max_norm = info[1].ToNumber().DoubleValue();
  Effects effects = of_gradients(params);
  effects.reads.append(total.begin(), total.end());
  addon.dispatch_void(effects, [=] { clip(gradients_of(params), max_norm, total.get().at(0)); });
  return info.Env().Undefined();
}

// clipGradNorm(params, maxNorm, normType, errorIfNonfinite) -> the norm before clipping
Napi::Value clip_grad_norm(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const PromiseList params(addon, info[0]);
  const double max_norm = info[1].ToNumber().DoubleValue();
  const double norm_type = info[2].ToNumber().DoubleValue();
  const bool error_if_nonfinite = info[3].ToBoolean();
  const auto ids = addon.dispatch(of_gradients(params), 1, [=] {
    const Tensors gradients = gradients_of(params);
    const at::Tensor total = total_norm(gradients, norm_type, error_if_nonfinite);
    clip(gradients, max_norm, total);
    return Tensors{total};
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

// The vector of torch/optim/lbfgs.py: zeros where there is no gradient, and complex gradients as pairs.
at::Tensor flatten(const Tensors& params) {
  const c10::AutoGradMode no_grad(false);
  Tensors parts;
  for (const at::Tensor& param : params) {
    at::Tensor gradient = gradient_of(param).defined() ? param.grad() : at::zeros_like(param);
    if (gradient.is_sparse()) gradient = gradient.to_dense();
    if (gradient.is_complex()) gradient = at::view_as_real(gradient.resolve_conj());
    parts.push_back(gradient.reshape(-1));
  }
  return at::cat(parts);
}

// flatGradient(params) -> the gradients as one vector
Napi::Value flat_gradient(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const PromiseList params(addon, info[0]);
  const auto ids = addon.dispatch(of_gradients(params), 1, [=] { return Tensors{flatten(params.get())}; });
  return Napi::Number::New(info.Env(), ids[0]);
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
  define<optimizer_step>(exports, "optimizerStep");
  define<total_norm>(exports, "totalNorm");
  define<clip_grads_with_norm>(exports, "clipGradsWithNorm");
  define<clip_grad_norm>(exports, "clipGradNorm");
  define<clip_grad_value>(exports, "clipGradValue");
  define<zero_grad>(exports, "zeroGrad");
  define<flat_gradient>(exports, "flatGradient");
}

}  // namespace rnn::binding
