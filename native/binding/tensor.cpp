#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

#include "binding/addon.h"

namespace rnn::binding {
namespace {

// The tensor, for reading its autograd state, once no queued job changes it.
const at::Tensor& settled(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const TensorPromisePtr& promise = addon.promise(info[0]);
  if (!addon.idle()) addon.wait_for(Effects::reading(promise));
  return promise->get();
}

// Reads sizes, dtype or device of a tensor. Waits if they are not known before it is computed.
template <typename Read>
auto known(const Napi::CallbackInfo& info, Read read) {
  Addon& addon = Addon::of(info.Env());
  const TensorPromisePtr& promise = addon.promise(info[0]);
  if (promise->pending()) {
    if (const auto outline = addon.outline(promise)) {
      if (const auto found = read(*outline)) return *found;
    }
  }
  const at::Tensor& tensor = promise->get();
  return *read(Outline{.meta = tensor, .device = tensor.device()});
}

// The computed tensor.
const at::Tensor& tensor_of(const Napi::CallbackInfo& info) { return Addon::of(info.Env()).tensor(info[0]); }

Napi::Value ints(Napi::Env env, at::IntArrayRef values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (uint32_t i = 0; i < values.size(); i++) array.Set(i, static_cast<double>(values[i]));
  return array;
}

Napi::Value shape(const Napi::CallbackInfo& info) {
  const auto sizes = known(info, [](const Outline& outline) { return std::optional(outline.meta.sizes().vec()); });
  return ints(info.Env(), sizes);
}

Napi::Value stride(const Napi::CallbackInfo& info) { return ints(info.Env(), tensor_of(info).strides()); }

Napi::Value storage_offset(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(tensor_of(info).storage_offset()));
}

Napi::Value scalar_type(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<int>(known(info, [](const Outline& outline) {
                             return outline.has_dtype ? std::optional(outline.meta.scalar_type()) : std::nullopt;
                           })));
}

Napi::Value device(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), known(info, [](const Outline& outline) { return outline.device; }).str());
}

Napi::Value is_contiguous(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), tensor_of(info).is_contiguous());
}

Napi::Value is_leaf(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), settled(info).is_leaf()); }

Napi::Value requires_grad(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), settled(info).requires_grad());
}

Napi::Value is_inference(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), tensor_of(info).is_inference());
}

// Turns `torch::autograd::CppNode<namespace::Name>`, for a C++ class Name, into the name that PyTorch uses for Python
// classes: NameBackward.
std::string name_of(const torch::autograd::Node& node) {
  const std::string name = node.name();
  if (name.find("autograd::CppNode<") == std::string::npos) return name;
  const size_t start = name.rfind(':') + 1;
  return name.substr(start, name.size() - 1 - start) + "Backward";
}

// The name of the function that made the tensor, as in `grad_fn=<AddBackward0>`, or null.
Napi::Value grad_fn(const Napi::CallbackInfo& info) {
  const auto& node = settled(info).grad_fn();
  return node ? Napi::String::New(info.Env(), name_of(*node)) : info.Env().Null();
}

// Whether two tensors share memory: in-place changes of one are visible in the other.
Napi::Value shares_storage(const Napi::CallbackInfo& info) {
  const Addon& addon = Addon::of(info.Env());
  return Napi::Boolean::New(info.Env(), addon.tensor(info[0]).is_alias_of(addon.tensor(info[1])));
}

Napi::Value pending(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), Addon::of(info.Env()).promise(info[0])->pending());
}

// release(ids): the JavaScript objects no longer need these tensors.
Napi::Value release(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  if (info[0].IsNumber()) {
    addon.handles->release(id_of(info[0]));
  } else {
    const auto ids = info[0].As<Napi::Uint32Array>();
    for (size_t i = 0; i < ids.ElementLength(); i++) addon.handles->release(ids[i]);
  }
  addon.account(info.Env());
  return info.Env().Undefined();
}

struct Owned {
  std::shared_ptr<Handles> handles;
  Handles::Id id;
  uint64_t serial;
};

// guard(id): an object whose collection releases the tensor. Only tensors outside every scope need one.
Napi::Value guard(const Napi::CallbackInfo& info) {
  const auto& handles = Addon::of(info.Env()).handles;
  const Handles::Id id = id_of(info[0]);
  auto owned = std::make_unique<Owned>(Owned{handles, id, handles->serial(id)});
  return Napi::External<Owned>::New(info.Env(), owned.release(), [](Napi::Env env, Owned* collected) {
    const std::unique_ptr<Owned> owner(collected);
    owner->handles->release_if(owner->id, owner->serial);
    if (auto* addon = env.GetInstanceData<Addon>()) addon->account(env);
  });
}

Napi::Value memory(const Napi::CallbackInfo& info) {
  const Handles& handles = *Addon::of(info.Env()).handles;
  Napi::Object usage = Napi::Object::New(info.Env());
  usage.Set("tensors", static_cast<double>(handles.tensors()));
  usage.Set("bytes", static_cast<double>(handles.bytes()));
  return usage;
}

}  // namespace

void init_tensor(Napi::Object exports) {
  define<shape>(exports, "shape");
  define<stride>(exports, "stride");
  define<storage_offset>(exports, "storageOffset");
  define<scalar_type>(exports, "scalarType");
  define<device>(exports, "device");
  define<is_contiguous>(exports, "isContiguous");
  define<is_leaf>(exports, "isLeaf");
  define<requires_grad>(exports, "requiresGrad");
  define<is_inference>(exports, "isInference");
  define<grad_fn>(exports, "gradFn");
  define<shares_storage>(exports, "sharesStorage");
  define<pending>(exports, "pending");
  define<release>(exports, "release");
  define<guard>(exports, "guard");
  define<memory>(exports, "memory");
}

}  // namespace rnn::binding
