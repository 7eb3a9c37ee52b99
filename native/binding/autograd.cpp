#include <torch/csrc/autograd/anomaly_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include <atomic>

#include "binding/addon.h"
#include "binding/convert.h"
#include "binding/generator.h"
#include "binding/offload.h"
#include "binding/promise_list.h"
#include "runtime/tensors.h"

namespace rnn::binding {
namespace {

// The autocast contexts, or null: [context, a dtype or null for each device type, whether casts are cached].
Autocast to_autocast(Napi::Value value) {
  if (value.IsNull()) return {};
  const auto list = value.As<Napi::Array>();
  Autocast autocast;
  autocast.context = static_cast<uint64_t>(to_int(list.Get(uint32_t{0}), "context"));
  autocast.cache = list.Get(uint32_t{2}).ToBoolean();
  const auto dtypes = list.Get(uint32_t{1}).As<Napi::Array>();
  TORCH_CHECK(dtypes.Length() == autocast.dtypes.size(), "the device types are not those of mode.h");
  for (uint32_t i = 0; i < dtypes.Length(); i++) {
    const Napi::Value dtype = dtypes.Get(i);
    if (!dtype.IsNull()) autocast.dtypes[i] = static_cast<at::ScalarType>(to_int(dtype, "dtype"));
  }
  return autocast;
}

// setMode(grad, inference, autocast or null, the generator to draw from or null for the environment's): applies to all
// native calls of this environment from now on
Napi::Value set_mode(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  Mode& mode = addon.mode;
  mode.grad = info[0].ToBoolean();
  mode.inference = info[1].ToBoolean();
  mode.autocast = to_autocast(info[2]);
  mode.generator = info[3].IsNull() ? addon.generator : to_generator(info[3], "generator");
  return info.Env().Undefined();
}

// openAutocast() -> the number of an outermost autocast context, unique in this process
Napi::Value open_autocast(const Napi::CallbackInfo& info) {
  static std::atomic<uint64_t> last = 0;
  return Napi::Number::New(info.Env(), static_cast<double>(++last));
}

// closeAutocast(context): drops the cached casts of an outermost context, once all queued jobs have run
Napi::Value close_autocast(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const auto context = static_cast<uint64_t>(to_int(info[0], "context"));
  if (addon.offload) {
    // GCC 12 warns wrongly that a member of a temporary is uninitialized.
    Job job;
    job.batch = std::make_shared<Batch>(0);
    job.done = [context] { clear_autocast_cache(context); };
    addon.offload->lane().post(std::move(job));
  } else {
    clear_autocast_cache(context);
  }
  return info.Env().Undefined();
}

// setRequiresGrad(tensor, boolean)
Napi::Value set_requires_grad(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const TensorPromisePtr promise = addon.promise(info[0]);
  const bool requires_grad = info[1].ToBoolean();
  const auto work = [promise, requires_grad] { promise->get().set_requires_grad(requires_grad); };
  // No other code can be reading a tensor that is not computed yet.
  if (promise->pending()) {
    addon.dispatch_void(Effects::writing(promise), work);
  } else {
    addon.run_in_order(Effects::writing(promise), work);
  }
  return info.Env().Undefined();
}

// grad(tensor) -> a tensor or null
Napi::Value grad(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const TensorPromisePtr promise = addon.promise(info[0]);
  at::Tensor found;
  addon.run_in_order({.reads = {promise}, .marks = Effects::kGradients}, [&] { found = gradient_of(promise->get()); });
  addon.gradients.add(found);
  return addon.wrap(info.Env(), found);
}

// setGrad(tensor, tensor or null)
Napi::Value set_grad(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const TensorPromisePtr promise = addon.promise(info[0]);
  const TensorPromisePtr gradient = info[1].IsNull() ? nullptr : addon.promise(info[1]);
  Effects effects{.reads = {promise}, .marks = Effects::kGradients};
  if (!gradient) {
    addon.dispatch_void(effects, [promise] { promise->get().mutable_grad() = at::Tensor(); });
    return info.Env().Undefined();
  }
  effects.writes = {gradient};
  // From here on, the memory of the gradient must be tracked.
  addon.run_in_order(effects, [&] {
    const at::Tensor &tensor = promise->get(), &value = gradient->get();
    TORCH_CHECK_TYPE(value.sizes() == tensor.sizes(), "assigned grad has data of a different size");
    TORCH_CHECK_TYPE(value.scalar_type() == tensor.scalar_type(), "assigned grad has data of a different type");
    TORCH_CHECK_TYPE(value.device() == tensor.device(), "assigned grad has data located on a different device");
    tensor.mutable_grad() = value;
  });
  addon.gradients.add(gradient->get());
  return info.Env().Undefined();
}

// setData(tensor, tensor): gives the first tensor the storage and metadata of the second; it keeps its identity and
// gradient history
Napi::Value set_data(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const TensorPromisePtr promise = addon.promise(info[0]);
  const TensorPromisePtr data = addon.promise(info[1]);
  addon.run_in_order(Effects::all(), [&] { promise->get().set_data(data->get()); });
  addon.handles->recount(id_of(info[0]));
  addon.account(info.Env());
  return info.Env().Undefined();
}

// backward(tensors, gradients or [], retainGraph, createGraph, inputs or [])
Napi::Value backward(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const PromiseList tensors(addon, info[0]);
  const PromiseList gradients(addon, info[1]);
  const bool retain_graph = info[2].ToBoolean();
  const bool create_graph = info[3].ToBoolean();
  const PromiseList inputs(addon, info[4]);
  const Effects effects{.reads = joined(tensors, gradients, inputs), .marks = Effects::kGradients | Effects::kGraph};
  addon.dispatch_void(effects, [=] {
    torch::autograd::backward(tensors.get(), gradients.get(), retain_graph, create_graph, inputs.get());
  });
  return info.Env().Undefined();
}

// gradients(outputs, inputs, gradients or [], retainGraph, createGraph, allowUnused) -> a tensor or null per input
Napi::Value gradients(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const PromiseList outputs(addon, info[0]);
  const PromiseList inputs(addon, info[1]);
  const PromiseList seeds(addon, info[2]);
  const bool retain_graph = info[3].ToBoolean();
  const bool create_graph = info[4].ToBoolean();
  const bool allow_unused = info[5].ToBoolean();
  const Effects effects{.reads = joined(outputs, inputs, seeds), .marks = Effects::kGraph};
  Tensors found;
  addon.run_in_order(effects, [&] {
    found = torch::autograd::grad(outputs.get(), inputs.get(), seeds.get(), retain_graph, create_graph, allow_unused);
  });
  Napi::Array array = Napi::Array::New(info.Env(), found.size());
  for (uint32_t i = 0; i < found.size(); i++) array.Set(i, addon.wrap(info.Env(), found[i]));
  return array;
}

// setAnomalyDetection(enabled, checkNan): for the whole process
Napi::Value set_anomaly_detection(const Napi::CallbackInfo& info) {
  const bool enabled = info[0].ToBoolean();
  const bool check_nan = info[1].ToBoolean();
  Addon::of(info.Env()).dispatch_void(Effects::marked(Effects::kGraph), [enabled, check_nan] {
    torch::autograd::AnomalyMode::set_enabled(enabled, check_nan);
  });
  return info.Env().Undefined();
}

// anomalyDetection() -> [enabled, checkNan]
Napi::Value anomaly_detection(const Napi::CallbackInfo& info) {
  Napi::Array array = Napi::Array::New(info.Env(), 2);
  array.Set(uint32_t{0}, torch::autograd::AnomalyMode::is_enabled());
  array.Set(uint32_t{1}, torch::autograd::AnomalyMode::should_check_nan());
  return array;
}

}  // namespace

void init_autograd(Napi::Object exports) {
  define<set_mode>(exports, "setMode");
  define<open_autocast>(exports, "openAutocast");
  define<close_autocast>(exports, "closeAutocast");
  define<set_requires_grad>(exports, "setRequiresGrad");
  define<grad>(exports, "grad");
  define<set_grad>(exports, "setGrad");
  define<set_data>(exports, "setData");
  define<backward>(exports, "backward");
  define<gradients>(exports, "gradients");
  define<set_anomaly_detection>(exports, "setAnomalyDetection");
  define<anomaly_detection>(exports, "anomalyDetection");
  init_function(exports);
}

}  // namespace rnn::binding
