#include <ATen/TensorOperators.h>
#include <ATen/ops/_amp_foreach_non_finite_check_and_unscale.h>
#include <ATen/ops/maximum.h>

#include <map>
#include <utility>

#include "binding/addon.h"
#include "binding/promise_list.h"
#include "runtime/tensors.h"

namespace rnn::binding {
namespace {

// Grouped by device and dtype, as the operator requires.
std::map<std::pair<std::string, c10::ScalarType>, Tensors> gradients_of(const Tensors& params, bool allow_float16) {
  std::map<std::pair<std::string, c10::ScalarType>, Tensors> groups;
  for (const at::Tensor& param : params) {
    const at::Tensor& gradient = gradient_of(param);
    if (!gradient.defined()) continue;
    TORCH_CHECK_VALUE(allow_float16 || gradient.scalar_type() != at::kHalf, "Attempting to unscale FP16 gradients.");
    groups[{gradient.device().str(), gradient.scalar_type()}].push_back(gradient);
  }
  return groups;
}

// Multiplies the gradients by `inv_scale`, and sets `found_inf` to 1 if one is not finite.
void unscale(const Tensors& params, at::Tensor found_inf, const at::Tensor& inv_scale, bool allow_float16) {
  const c10::AutoGradMode no_grad(false);
  const auto groups = gradients_of(params, allow_float16);
  TORCH_CHECK(!groups.empty(), "No inf checks were recorded for this optimizer.");
  for (const auto& [key, gradients] : groups) {
    const c10::Device device = gradients[0].device();
    if (device == found_inf.device()) {
      at::_amp_foreach_non_finite_check_and_unscale_(gradients, found_inf, inv_scale);
      continue;
    }
    at::Tensor found = found_inf.to(device, /*non_blocking=*/true, /*copy=*/true);
    at::_amp_foreach_non_finite_check_and_unscale_(gradients, found, inv_scale.to(device, /*non_blocking=*/true));
    found_inf.copy_(at::maximum(found_inf, found.to(found_inf.device())));
  }
}

// scaleOutput([output, scale]) -> their product, on the device of the output
Napi::Value scale_output(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const PromiseList promises(addon, info[0]);
  const auto ids = addon.dispatch({.reads = joined(promises)}, 1, [promises] {
    const Tensors tensors = promises.get();
    return Tensors{tensors[0] * tensors[1].to(tensors[0].device(), /*non_blocking=*/true)};
  });
  return Napi::Number::New(info.Env(), ids[0]);
}

// unscaleGradients(params, [foundInf, invScale], allowFloat16)
Napi::Value unscale_gradients(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const PromiseList params(addon, info[0]);
  const PromiseList scalars(addon, info[1]);
  const bool allow_float16 = info[2].ToBoolean();
  const Effects effects{.reads = joined(params), .writes = joined(scalars), .marks = Effects::kGradients};
  addon.dispatch_void(effects, [=] {
    const Tensors tensors = scalars.get();
    unscale(params.get(), tensors[0], tensors[1], allow_float16);
  });
  return info.Env().Undefined();
}

}  // namespace

void init_grad_scaler(Napi::Object exports) {
  define<scale_output>(exports, "scaleOutput");
  define<unscale_gradients>(exports, "unscaleGradients");
}

}  // namespace rnn::binding
