#include <ATen/ops/empty.h>
#include <c10/util/safe_numerics.h>

#include <algorithm>
#include <cstring>

#include "binding/addon.h"
#include "binding/convert.h"

namespace rnn::binding {
namespace {

// The number of elements of a tensor of this shape; nullopt on overflow.
std::optional<uint64_t> count(at::IntArrayRef shape) {
  uint64_t product = 1;
  if (std::ranges::any_of(shape, [](int64_t size) { return size == 0; })) product = 0;
  for (const int64_t size : shape) {
    if (product != 0 && (size < 0 || c10::mul_overflows(product, static_cast<uint64_t>(size), &product))) return {};
  }
  return product;
}

// fromBytes(typedArray, scalarType, shape) -> a tensor with a copy of the bytes
Napi::Value from_bytes(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const auto dtype = static_cast<at::ScalarType>(to_int(info[1], "dtype"));
  const auto shape = to_ints(info[2], "size");
  void* source = nullptr;
  size_t length = 0;
  napi_typedarray_type type;
  // Not through the ArrayBuffer, since that fails for a SharedArrayBuffer on Node 20.
  if (napi_get_typedarray_info(info.Env(), info[0], &type, &length, &source, nullptr, nullptr) != napi_ok) {
    throw c10::TypeError({__func__, __FILE__, __LINE__}, "expected a typed array");
  }
  const size_t bytes = info[0].As<Napi::TypedArray>().ByteLength();
  const size_t elements = bytes / c10::elementSize(dtype);
  // Checked before allocating memory, since the shape may be untrusted input.
  TORCH_CHECK_VALUE(count(shape) == elements, "shape '", at::IntArrayRef(shape), "' is invalid for input of size ",
                    elements);
  const ModeGuard guard(addon.mode);
  const at::Tensor tensor = at::empty(shape, dtype);
  if (bytes > 0) std::memcpy(tensor.mutable_data_ptr(), source, bytes);
  return addon.wrap(info.Env(), tensor);
}

// toBytes(tensor) -> an ArrayBuffer with a copy of the elements in row-major order
Napi::Value to_bytes(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  if (addon.queueing) throw PendingError("offload() cannot read a value before it is computed");
  const TensorPromisePtr source = addon.promise(info[0]);
  const at::Tensor tensor = addon.run(Effects::reading(source), [&] {
    return source->get().detach().to(at::kCPU).resolve_conj().resolve_neg().contiguous();
  });
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(info.Env(), tensor.nbytes());
  if (tensor.nbytes() > 0) std::memcpy(buffer.Data(), tensor.const_data_ptr(), tensor.nbytes());
  return buffer;
}

// A view in JavaScript keeps the memory alive, not the tensor, which may get other memory. While the view exists, the
// memory cannot be resized, like under a NumPy view.
class View {
 public:
  View(c10::Storage storage, std::shared_ptr<Views> views) : storage_(std::move(storage)), views_(std::move(views)) {
    const bool resizable = storage_.resizable();
    if (!resizable && !views_->contains(impl())) return;
    counted_ = true;
    (*views_)[impl()]++;
    impl()->set_resizable(false);
  }
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  ~View() {
    if (!counted_ || --(*views_)[impl()] > 0) return;
    views_->erase(impl());
    impl()->set_resizable(true);
  }

 private:
  c10::StorageImpl* impl() const { return storage_.unsafeGetStorageImpl(); }

  c10::Storage storage_;
  std::shared_ptr<Views> views_;
  // Memory that was not resizable before stays that way.
  bool counted_ = false;
};

// viewBytes(tensor) -> an ArrayBuffer over the tensor's memory, or null if Node refuses external buffers
Napi::Value view_bytes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  if (addon.queueing) throw PendingError("offload() cannot read a value before it is computed");
  const TensorPromisePtr promise = addon.promise(info[0]);
  addon.wait_for(Effects::reading(promise));
  const at::Tensor tensor = promise->get();
  TORCH_CHECK_VALUE(tensor.is_cpu() && tensor.is_contiguous() && !tensor.is_neg() && !tensor.is_conj(),
                    "only a contiguous tensor on the CPU can be viewed: call contiguous() or cpu() first");
  if (tensor.nbytes() == 0) return Napi::ArrayBuffer::New(env, 0);
  auto view = std::make_unique<View>(tensor.storage(), addon.views);
  napi_value buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(
      env, tensor.mutable_data_ptr(), tensor.nbytes(),
      [](napi_env, void*, void* hint) { const std::unique_ptr<View> collected(static_cast<View*>(hint)); }, view.get(),
      &buffer);
  if (status != napi_ok) return env.Null();
  static_cast<void>(view.release());
  return {env, buffer};
}

// item(tensor) -> its only element
Napi::Value item(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  if (addon.queueing) throw PendingError("offload() cannot read a value before it is computed");
  const TensorPromisePtr promise = addon.promise(info[0]);
  const c10::Scalar scalar = addon.run(Effects::reading(promise), [&] { return promise->get().item(); });
  if (scalar.isBoolean()) return Napi::Boolean::New(env, scalar.toBool());
  if (scalar.isIntegral(false)) return from_ivalue(env, addon, scalar.toLong());
  if (scalar.isComplex()) {
    const auto value = scalar.toComplexDouble();
    Napi::Array parts = Napi::Array::New(env, 2);
    parts.Set(0U, value.real());
    parts.Set(1U, value.imag());
    return parts;
  }
  return Napi::Number::New(env, scalar.toDouble());
}

}  // namespace

void init_data(Napi::Object exports) {
  define<from_bytes>(exports, "fromBytes");
  define<to_bytes>(exports, "toBytes");
  define<view_bytes>(exports, "viewBytes");
  define<item>(exports, "item");
}

}  // namespace rnn::binding
