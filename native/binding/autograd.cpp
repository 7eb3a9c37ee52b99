#include <torch/csrc/autograd/anomaly_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include <atomic>

#include "binding/addon.h"
#include "binding/cells.h"
#include "binding/convert.h"
#include "binding/function.h"
#include "binding/generator.h"
#include "binding/offload.h"

namespace rnn::binding {
namespace {

std::optional<at::ScalarType> to_dtype(Napi::Value value) {
  if (value.IsNull()) return std::nullopt;
  return static_cast<at::ScalarType>(to_int(value, "dtype"));
}

// setMode(grad, inference, autocast context or 0, its dtype on the CPU or null, on CUDA or null, whether it keeps
// casts, the generator to draw from or null for the environment's): holds for the native calls of this environment from
// now on
Napi::Value set_mode(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  Mode& mode = addon.mode;
  mode.grad = info[0].ToBoolean();
  mode.inference = info[1].ToBoolean();
  mode.autocast = {.context = static_cast<uint64_t>(to_int(info[2], "context")),
                   .cpu = to_dtype(info[3]),
                   .cuda = to_dtype(info[4]),
                   .cache = info[5].ToBoolean()};
  mode.generator = info[6].IsNull() ? addon.generator : to_generator(info[6], "generator");
  return info.Env().Undefined();
}

// openAutocast() -> the number of an outermost autocast context, which no other has in this process
Napi::Value open_autocast(const Napi::CallbackInfo& info) {
  static std::atomic<uint64_t> last = 0;
  return Napi::Number::New(info.Env(), static_cast<double>(++last));
}

// closeAutocast(context): drops the casts that were kept for an outermost context, once what is queued has run
Napi::Value close_autocast(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const auto context = static_cast<uint64_t>(to_int(info[0], "context"));
  if (addon.offload) {
    addon.offload->lane().post(
        {.batch = std::make_shared<Batch>(0), .done = [context] { clear_autocast_cache(context); }});
  } else {
    clear_autocast_cache(context);
  }
  return info.Env().Undefined();
}

// setRequiresGrad(tensor, boolean)
Napi::Value set_requires_grad(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const CellPtr cell = addon.cell(info[0]);
  const bool requires_grad = info[1].ToBoolean();
  const auto work = [cell, requires_grad] {
    cell->get().set_requires_grad(requires_grad);
    return std::vector<at::Tensor>{};
  };
  // Nobody looks at one that is still to be computed.
  if (cell->pending()) {
    addon.dispatch(Effects::writing(cell), 0, work);
  } else {
    addon.run_in_order(Effects::writing(cell), work);
  }
  return info.Env().Undefined();
}

// grad(tensor) -> a tensor or null
Napi::Value grad(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const CellPtr cell = addon.cell(info[0]);
  const auto found = addon.run_in_order({.reads = {cell}, .marks = Effects::kGradients},
                                        [&] { return std::vector<at::Tensor>{gradient_of(cell->get())}; });
  addon.gradients.add(found.at(0));
  return addon.wrap(info.Env(), found[0]);
}

// setGrad(tensor, tensor or null)
Napi::Value set_grad(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const CellPtr cell = addon.cell(info[0]);
  const CellPtr gradient = info[1].IsNull() ? nullptr : addon.cell(info[1]);
  Effects effects{.reads = {cell}, .marks = Effects::kGradients};
  if (!gradient) {
    addon.dispatch(effects, 0, [cell] {
      cell->get().mutable_grad() = at::Tensor();
      return std::vector<at::Tensor>{};
    });
    return info.Env().Undefined();
  }
  effects.writes = {gradient};
  // Its memory has to be known from here on.
  addon.run_in_order(effects, [&] {
    const at::Tensor &tensor = cell->get(), &value = gradient->get();
    TORCH_CHECK_TYPE(value.sizes() == tensor.sizes(), "assigned grad has data of a different size");
    TORCH_CHECK_TYPE(value.scalar_type() == tensor.scalar_type(), "assigned grad has data of a different type");
    TORCH_CHECK_TYPE(value.device() == tensor.device(), "assigned grad has data located on a different device");
    tensor.mutable_grad() = value;
    return std::vector<at::Tensor>{};
  });
  addon.gradients.add(gradient->get());
  return info.Env().Undefined();
}

// setData(tensor, tensor): the storage and metadata of the second, the identity and gradient history of the first
Napi::Value set_data(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const CellPtr cell = addon.cell(info[0]);
  const CellPtr data = addon.cell(info[1]);
  addon.run_in_order(Effects::all(), [&] {
    cell->get().set_data(data->get());
    return std::vector<at::Tensor>{};
  });
  addon.handles->recount(id_of(info[0]));
  addon.account(info.Env());
  return info.Env().Undefined();
}

// backward(tensors, gradients or [], retainGraph, createGraph, inputs or [])
Napi::Value backward(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const Cells tensors(addon, info[0]);
  const Cells gradients(addon, info[1]);
  const bool retain_graph = info[2].ToBoolean();
  const bool create_graph = info[3].ToBoolean();
  const Cells inputs(addon, info[4]);
  const Effects effects{.reads = joined(tensors, gradients, inputs), .marks = Effects::kGradients | Effects::kGraph};
  addon.dispatch(effects, 0, [=] {
    torch::autograd::backward(tensors.get(), gradients.get(), retain_graph, create_graph, inputs.get());
    return std::vector<at::Tensor>{};
  });
  return info.Env().Undefined();
}

// gradients(outputs, inputs, gradients or [], retainGraph, createGraph, allowUnused) -> a tensor or null per input
Napi::Value gradients(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const Cells outputs(addon, info[0]);
  const Cells inputs(addon, info[1]);
  const Cells seeds(addon, info[2]);
  const bool retain_graph = info[3].ToBoolean();
  const bool create_graph = info[4].ToBoolean();
  const bool allow_unused = info[5].ToBoolean();
  const Effects effects{.reads = joined(outputs, inputs, seeds), .marks = Effects::kGraph};
  const auto found = addon.run_in_order(effects, [=] {
    return torch::autograd::grad(outputs.get(), inputs.get(), seeds.get(), retain_graph, create_graph, allow_unused);
  });
  Napi::Array array = Napi::Array::New(info.Env(), found.size());
  for (uint32_t i = 0; i < found.size(); i++) array.Set(i, addon.wrap(info.Env(), found[i]));
  return array;
}

// setAnomalyDetection(enabled, checkNan): for the whole process
Napi::Value set_anomaly_detection(const Napi::CallbackInfo& info) {
  const bool enabled = info[0].ToBoolean();
  const bool check_nan = info[1].ToBoolean();
  Addon::of(info.Env()).dispatch(Effects::marked(Effects::kGraph), 0, [enabled, check_nan] {
    torch::autograd::AnomalyMode::set_enabled(enabled, check_nan);
    return std::vector<at::Tensor>{};
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
