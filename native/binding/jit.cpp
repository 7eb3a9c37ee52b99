#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <unordered_map>

#include "binding/addon.h"
#include "binding/handle.h"
#include "binding/ivalue.h"
#include "binding/promise_list.h"
#include "runtime/tensors.h"

namespace rnn::binding {

using torch::jit::Module;

struct LoadedScript {
  Module module;
  // Represents the attributes that methods may change, so that calls of the module never overlap.
  const TensorPromisePtr self = std::make_shared<TensorPromise>(at::Tensor());
  Effects::Promises parameters = {}, buffers = {};

  // Methods may also change their arguments.
  Effects effects(const Effects::Promises& given) {
    if (parameters.empty() && buffers.empty()) {
      for (const auto& tensor : module.parameters()) parameters.push_back(std::make_shared<TensorPromise>(tensor));
      for (const auto& tensor : module.buffers()) buffers.push_back(std::make_shared<TensorPromise>(tensor));
    }
    Effects effects{.reads = parameters, .writes = joined(given, buffers), .marks = Effects::kRandom};
    effects.writes.push_back(self);
    effects.shares = joined(given, parameters, buffers);
    return effects;
  }
};

// Shared with jobs in the lane.
using Script = std::shared_ptr<LoadedScript>;
// The result of a queued call.
using Slot = std::shared_ptr<c10::IValue>;

template <>
struct HandleType<Script> {
  static constexpr const char* kName = "TorchScript module";
  static constexpr napi_type_tag kTag = {0x52e9f13b8a07c6d4, 0xe61d04b72f95a83c};
};

template <>
struct HandleType<Slot> {
  static constexpr const char* kName = "TorchScript call";
  static constexpr napi_type_tag kTag = {0xd3a80c6e29f4b157, 0x7c95e1f20d38b64a};
};

namespace {

const Script& script_of(const Napi::CallbackInfo& info) { return object_of<Script>(info[0]); }

// One call of a method, ready to run on any thread.
struct Call {
  Script script;
  torch::jit::Method method;
  Given given;
  std::vector<Later> arguments;

  // (script, name, arguments)
  Call(Addon& addon, const Napi::CallbackInfo& info)
      : script(script_of(info)), method(find(script->module, info[1].ToString())), given{addon} {
    const Napi::Array values = info[2].As<Napi::Array>();
    const auto& schema = method.function().getSchema();
    const auto& expected = schema.arguments();
    // The first argument is the module.
    TORCH_CHECK_TYPE(values.Length() + 1 <= expected.size(), "takes ", expected.size() - 1,
                     " positional arguments but ", values.Length(), " were given: ", schema);
    for (uint32_t i = 0; i + 1 < expected.size(); i++) {
      const c10::Argument& argument = expected[i + 1];
      const Napi::Value value = i < values.Length() ? values.Get(i) : info.Env().Undefined();
      if (value.IsUndefined() && argument.default_value()) {
        arguments.push_back([standard = *argument.default_value()] { return standard; });
      } else {
        TORCH_CHECK_TYPE(i < values.Length(), "missing 1 required positional argument: '", argument.name(), "'");
        arguments.push_back(later(given, argument.type(), value, argument.name()));
      }
    }
  }

  Effects effects() const { return script->effects(given.tensors); }

  c10::IValue operator()() const {
    std::vector<c10::IValue> inputs;
    for (const Later& make : arguments) inputs.push_back(make());
    const runtime::ForkGuard forks;
    return method(std::move(inputs));
  }

 private:
  static torch::jit::Method find(const Module& module, const std::string& name) {
    const auto found = module.find_method(name);
    if (found) return *found;
    std::string names;
    for (const auto& method : module.get_methods()) names += (names.empty() ? "" : ", ") + method.name();
    C10_THROW_ERROR(ValueError, c10::str("the module has no method '", name, "'; methods are ", names));
  }
};

// jitLoad(path, device or null) -> a script, which can be used once all queued jobs have run
Napi::Value jit_load(const Napi::CallbackInfo& info) {
  const auto script = std::make_shared<LoadedScript>();
  std::optional<c10::Device> device;
  if (info[1].IsString()) device = c10::Device(info[1].As<Napi::String>().Utf8Value());
  Addon::of(info.Env()).dispatch_void({}, [script, device, path = info[0].ToString().Utf8Value()] {
    script->module = torch::jit::load(path, device);
  });
  return make_handle(info.Env(), std::make_unique<Script>(script));
}

// jitRun(script, method, arguments) -> its result. While JavaScript queues, a result of tensors only is promised; any
// other result is waited for.
Napi::Value jit_run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  const auto call = std::make_shared<Call>(addon, info);
  const c10::TypePtr type = call->method.function().getSchema().returns().at(0).type();
  if (addon.queueing && is_tensors(*type)) {
    const auto ids = addon.dispatch(call->effects(), count_tensors(*type), [call] {
      Tensors tensors;
      flatten((*call)(), tensors);
      return tensors;
    });
    return promised(env, *type, ids);
  }
  c10::IValue result;
  addon.run_in_order(call->effects(), [&] { result = (*call)(); });
  return to_value(env, addon, result);
}

// jitStart(script, method, arguments) -> a slot for jitResult, filled once all queued jobs have run
Napi::Value jit_start(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const auto call = std::make_shared<Call>(addon, info);
  const Slot slot = std::make_shared<c10::IValue>();
  addon.dispatch_void(call->effects(), [call, slot] { *slot = (*call)(); });
  return make_handle(info.Env(), std::make_unique<Slot>(slot));
}

// jitResult(started) -> the result of the call
Napi::Value jit_result(const Napi::CallbackInfo& info) {
  return to_value(info.Env(), Addon::of(info.Env()), *object_of<Slot>(info[0]));
}

// [[name, id], …]: one id per tensor, even if it has several names
template <typename List>
Napi::Value named(Napi::Env env, Addon& addon, const List& tensors) {
  std::unordered_map<const c10::TensorImpl*, Napi::Value> ids;
  Napi::Array array = Napi::Array::New(env);
  for (const auto& tensor : tensors) {
    if (!tensor.value.defined()) continue;
    auto& id = ids[tensor.value.unsafeGetTensorImpl()];
    if (id.IsEmpty()) id = addon.wrap(env, tensor.value);
    Napi::Array pair = Napi::Array::New(env, 2);
    pair.Set(0U, tensor.name);
    pair.Set(1U, id);
    array.Set(array.Length(), pair);
  }
  return array;
}

// jitTensors(script) -> { parameters: [[name, id], …], buffers }, the module's own tensors
Napi::Value jit_tensors(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const Module& module = script_of(info)->module;
  Napi::Object tensors = Napi::Object::New(info.Env());
  tensors.Set("parameters", named(info.Env(), addon, module.named_parameters()));
  tensors.Set("buffers", named(info.Env(), addon, module.named_buffers()));
  return tensors;
}

// jitDescribe(script) -> { name, training or null if it is frozen, methods }
Napi::Value jit_describe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Module& module = script_of(info)->module;
  Napi::Object description = Napi::Object::New(env);
  const auto name = module.type()->name();
  description.Set("name", name ? name->name() : "");
  const bool trains = module.type()->findAttributeSlot("training").has_value();
  description.Set("training", trains ? Napi::Value(Napi::Boolean::New(env, module.is_training())) : env.Null());
  Napi::Array methods = Napi::Array::New(env);
  for (const auto& method : module.get_methods()) methods.Set(methods.Length(), method.name());
  description.Set("methods", methods);
  return description;
}

// jitTrain(script, on): sets the training attribute of each module in it that has one, in order with the queued jobs
Napi::Value jit_train(const Napi::CallbackInfo& info) {
  Addon::of(info.Env())
      .dispatch_void(Effects::writing(script_of(info)->self),
                     [script = script_of(info), on = info[1].ToBoolean().Value()] {
                       for (Module module : script->module.modules()) {
                         if (module.type()->findAttributeSlot("training")) module.setattr("training", on);
                       }
                     });
  return info.Env().Undefined();
}

}  // namespace

void init_jit(Napi::Object exports) {
  define<jit_load>(exports, "jitLoad");
  define<jit_run>(exports, "jitRun");
  define<jit_start>(exports, "jitStart");
  define<jit_result>(exports, "jitResult");
  define<jit_tensors>(exports, "jitTensors");
  define<jit_describe>(exports, "jitDescribe");
  define<jit_train>(exports, "jitTrain");
}

}  // namespace rnn::binding
