#include <ATen/TensorOperators.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_foreach_sub.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "binding/addon.h"
#include "binding/cells.h"
#include "runtime/version.h"

namespace rnn::binding {
namespace {

using Tensors = std::vector<at::Tensor>;

struct Hyper {
  double lr, weight_decay, momentum, dampening, beta1, beta2, eps;
  bool nesterov, maximize, amsgrad;

  explicit Hyper(Napi::Object object)
      : lr(number(object, "lr")),
        weight_decay(number(object, "weightDecay")),
        momentum(number(object, "momentum")),
        dampening(number(object, "dampening")),
        beta1(number(object, "beta1")),
        beta2(number(object, "beta2")),
        eps(number(object, "eps")),
        nesterov(object.Get("nesterov").ToBoolean()),
        maximize(object.Get("maximize").ToBoolean()),
        amsgrad(object.Get("amsgrad").ToBoolean()) {}

 private:
  static double number(Napi::Object object, const char* name) {
    const Napi::Value value = object.Get(name);
    return value.IsUndefined() ? 0 : value.ToNumber().DoubleValue();
  }
};

// Numbers that a step may take as tensors, so that nothing waits for them: all undefined, or of one element.
struct Scalars {
  // Instead of `Hyper::lr`. On CUDA it is read by the kernel, also when a graph with it is replayed.
  at::Tensor lr;
  // Gradients are divided by `grad_scale`; where `found_inf` is 1, nothing changes.
  at::Tensor grad_scale, found_inf;

  Scalars on(c10::Device device) const {
    const auto move = [device](const at::Tensor& tensor) {
      if (!tensor.defined() || tensor.device() == device) return tensor;
      // What the kernels read, which on the CPU take any dtype of a learning rate.
      return tensor.to(device, at::kFloat, /*non_blocking=*/true);
    };
    return {.lr = move(lr), .grad_scale = move(grad_scale), .found_inf = move(found_inf)};
  }
};

// The parameters of one fused call: LibTorch wants one device and dtype, and for momentum one age.
struct Bucket {
  Tensors params, gradients, steps;
  // In the order of `states`: momentum buffers, or averages of gradients, of their squares, and the greatest of those.
  std::vector<Tensors> states;
};

using Key = std::tuple<c10::Device, c10::ScalarType, bool>;
struct Before {
  bool operator()(const Key& a, const Key& b) const {
    const auto rank = [](const Key& key) {
      const auto& [device, dtype, first] = key;
      return std::tuple(static_cast<int>(device.type()), device.index(), static_cast<int>(dtype), first);
    };
    return rank(a) < rank(b);
  }
};

std::map<Key, Bucket, Before> buckets_of(const Tensors& params, const std::vector<Tensors>& states,
                                         const Tensors& steps, bool by_age) {
  std::map<Key, Bucket, Before> buckets;
  for (size_t i = 0; i < params.size(); i++) {
    const at::Tensor& gradient = params[i].grad();
    if (!gradient.defined()) continue;
    const bool first = by_age && steps.at(i).item<double>() == 0;
    Bucket& bucket = buckets[{params[i].device(), params[i].scalar_type(), first}];
    bucket.params.push_back(params[i]);
    bucket.gradients.push_back(gradient);
    if (!steps.empty()) bucket.steps.push_back(steps[i]);
    bucket.states.resize(states.size());
    for (size_t s = 0; s < states.size(); s++) {
      if (!states[s].empty()) bucket.states[s].push_back(states[s].at(i));
    }
  }
  return buckets;
}

std::optional<at::Tensor> optional(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

// `lr` is a number or a tensor, for which LibTorch has two operators.
template <typename Rate>
void step_sgd(const Bucket& bucket, const Rate& lr, const Hyper& hyper, const Scalars& scalars, bool first) {
  at::_fused_sgd_(bucket.params, bucket.gradients, bucket.states[0], hyper.weight_decay, hyper.momentum, lr,
                  hyper.dampening, hyper.nesterov, hyper.maximize, first, optional(scalars.grad_scale),
                  optional(scalars.found_inf));
}

template <typename Rate>
void step_adam(const Bucket& bucket, const Rate& lr, const Hyper& hyper, const Scalars& scalars, bool decoupled) {
  const auto run = [&](const auto& operation) {
    operation(bucket.params, bucket.gradients, bucket.states[0], bucket.states[1], bucket.states[2], bucket.steps, lr,
              hyper.beta1, hyper.beta2, hyper.weight_decay, hyper.eps, hyper.amsgrad, hyper.maximize,
              optional(scalars.grad_scale), optional(scalars.found_inf));
  };
  if (decoupled) {
    run([](const auto&... arguments) { at::_fused_adamw_(arguments...); });
  } else {
    run([](const auto&... arguments) { at::_fused_adam_(arguments...); });
  }
}

// On the CPU without an operator, which takes longer for a handful of counters than Adam for a small layer.
void count_up(const Tensors& steps) {
  const bool plain = std::ranges::all_of(steps, [](const at::Tensor& step) {
    return step.is_cpu() && step.layout() == at::kStrided && step.scalar_type() == at::kFloat && step.numel() == 1;
  });
  if (!plain) return at::_foreach_add_(steps, 1);
  for (const at::Tensor& step : steps) *step.mutable_data_ptr<float>() += 1;
  bump_versions(steps);
}

enum class Algorithm { kSgd, kAdam, kAdamW };

void step(Algorithm algorithm, const Tensors& params, const std::vector<Tensors>& states, const Tensors& steps,
          const Hyper& hyper, const Scalars& given) {
  const c10::AutoGradMode no_grad(false);
  // The first momentum is the gradient itself, without dampening. Where there is none, buffers of zeros give the same.
  const bool by_age = algorithm == Algorithm::kSgd && hyper.momentum != 0 && hyper.dampening != 0;
  for (auto& [key, bucket] : buckets_of(params, states, steps, by_age)) {
    const Scalars scalars = given.on(std::get<0>(key));
    const bool first = std::get<2>(key);
    // A first step that is skipped is to be first again. Only until it is taken, this reads from the device.
    if (first && scalars.found_inf.defined() && scalars.found_inf.item<double>() != 0) continue;
    if (!bucket.steps.empty()) count_up(bucket.steps);
    const auto run = [&, &bucket = bucket](const auto& lr) {
      if (algorithm == Algorithm::kSgd) {
        step_sgd(bucket, lr, hyper, scalars, first);
      } else {
        step_adam(bucket, lr, hyper, scalars, algorithm == Algorithm::kAdamW);
      }
    };
    scalars.lr.defined() ? run(scalars.lr) : run(hyper.lr);
    // A step that is skipped does not count. SGD's counters are on the CPU, and only tell the first step.
    if (algorithm != Algorithm::kSgd && scalars.found_inf.defined()) {
      at::_foreach_sub_(bucket.steps, Tensors(bucket.steps.size(), scalars.found_inf));
    }
    bump_versions(bucket.params);
  }
}

// fusedStep('sgd' | 'adam' | 'adamw', params, [state lists], steps, hyper, [lr, gradScale, foundInf]): parameters
// without a gradient are left alone. Each of the last three is a list of one tensor or of none.
Napi::Value fused_step(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const std::string name = info[0].ToString();
  const Algorithm algorithm = name == "sgd" ? Algorithm::kSgd : name == "adam" ? Algorithm::kAdam : Algorithm::kAdamW;
  const auto lists_of = [&addon](Napi::Value value) {
    std::vector<Cells> lists;
    const Napi::Array array = value.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); i++) lists.emplace_back(addon, array.Get(i));
    return lists;
  };
  const Cells params(addon, info[1]);
  const std::vector<Cells> states = lists_of(info[2]);
  const Cells steps(addon, info[3]);
  const std::vector<Cells> scalars = lists_of(info[5]);
  addon.dispatch(0, [=, hyper = Hyper(info[4].ToObject())] {
    std::vector<Tensors> lists;
    for (const Cells& state : states) lists.push_back(state.get());
    const auto scalar = [&scalars](size_t i) { return scalars[i].size() == 0 ? at::Tensor() : scalars[i].get()[0]; };
    step(algorithm, params.get(), lists, steps.get(), hyper,
         {.lr = scalar(0), .grad_scale = scalar(1), .found_inf = scalar(2)});
    return Tensors{};
  });
  return info.Env().Undefined();
}

Tensors gradients_of(const Cells& params) {
  Tensors gradients;
  for (const at::Tensor& param : params.get()) {
    if (param.grad().defined()) gradients.push_back(param.grad());
  }
  return gradients;
}

// The function of torch/nn/utils/clip_grad.py, without its detour over Python lists.
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
  const Cells params(addon, info[0]);
  const double max_norm = info[1].ToNumber().DoubleValue();
  const double norm_type = info[2].ToNumber().DoubleValue();
  const bool error_if_nonfinite = info[3].ToBoolean();
  const auto ids =
      addon.dispatch(1, [=] { return Tensors{clip(gradients_of(params), max_norm, norm_type, error_if_nonfinite)}; });
  return Napi::Number::New(info.Env(), ids[0]);
}

// clipGradValue(params, value)
Napi::Value clip_grad_value(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const Cells params(addon, info[0]);
  const double value = info[1].ToNumber().DoubleValue();
  addon.dispatch(0, [=] {
    const c10::AutoGradMode no_grad(false);
    for (const at::Tensor& gradient : gradients_of(params)) gradient.clamp_(-value, value);
    return Tensors{};
  });
  return info.Env().Undefined();
}

// zeroGrad(params, setToNone)
Napi::Value zero_grad(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const Cells params(addon, info[0]);
  const bool set_to_none = info[1].ToBoolean();
  addon.dispatch(0, [=] {
    const c10::AutoGradMode no_grad(false);
    for (const at::Tensor& param : params.get()) {
      at::Tensor& gradient = param.mutable_grad();
      if (!gradient.defined()) continue;
      if (set_to_none) {
        gradient.reset();
      } else {
        gradient.detach_().zero_();
      }
    }
    return Tensors{};
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
