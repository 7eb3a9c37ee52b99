#include <ATen/ops/empty.h>

#include <cstring>

#include "binding/addon.h"
#include "binding/convert.h"

namespace rnn::binding {
namespace {

// Whether the memory holds the elements as they are, in row-major order, on the CPU.
bool is_plain(const at::Tensor& tensor) {
  return tensor.layout() == at::kStrided && tensor.is_cpu() && tensor.is_contiguous() && !tensor.is_neg() &&
         !tensor.is_conj() && tensor.has_storage();
}

at::Tensor plain_tensor(const TensorPromisePtr& promise) {
  const at::Tensor& tensor = promise->get();
  TORCH_CHECK_VALUE(is_plain(tensor), "expected a contiguous tensor on the CPU");
  return tensor;
}

struct Bytes {
  uint8_t* data;
  size_t size;
};

// A Uint8Array, and its offset in the memory of `tensor`.
std::pair<Bytes, size_t> range_of(const Napi::CallbackInfo& info, const at::Tensor& tensor) {
  const auto offset = static_cast<size_t>(to_int(info[1], "offset"));
  auto array = info[2].As<Napi::Uint8Array>();
  const Bytes bytes{array.Data(), array.ByteLength()};
  TORCH_CHECK_VALUE(offset <= tensor.nbytes() && bytes.size <= tensor.nbytes() - offset,
                    "the tensor has fewer bytes than that");
  return {bytes, offset};
}

// readBytes(tensor, offset, target): copies bytes of a contiguous tensor on the CPU
Napi::Value read_bytes(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  if (addon.queueing) throw PendingError("offload() cannot read a value before it is computed");
  const TensorPromisePtr promise = addon.promise(info[0]);
  addon.run(Effects::reading(promise), [&] {
    const at::Tensor tensor = plain_tensor(promise);
    const auto [target, offset] = range_of(info, tensor);
    if (target.size == 0) return;
    std::memcpy(target.data, static_cast<const uint8_t*>(tensor.const_data_ptr()) + offset, target.size);
  });
  return info.Env().Undefined();
}

// writeBytes(tensor, offset, source): fills the memory of a contiguous tensor on the CPU
Napi::Value write_bytes(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const TensorPromisePtr promise = addon.promise(info[0]);
  addon.run(Effects::writing(promise), [&] {
    const at::Tensor tensor = plain_tensor(promise);
    const auto [source, offset] = range_of(info, tensor);
    if (source.size == 0) return;
    std::memcpy(static_cast<uint8_t*>(tensor.mutable_data_ptr()) + offset, source.data, source.size);
  });
  return info.Env().Undefined();
}

// memoryRange(tensor) -> [storage, first, last, plain]: the addresses of its storage, its first byte and the one after
// its last (all 0 for a tensor without elements), and whether readBytes can read it
Napi::Value memory_range(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const at::Tensor tensor = Addon::of(env).tensor(info[0]);
  TORCH_CHECK_VALUE(tensor.layout() == at::kStrided, "only a dense tensor has its elements in memory, this one is ",
                    tensor.layout(), ": call to_dense() first");
  Napi::Array range = Napi::Array::New(env, 4);
  uintptr_t first = 0;
  uintptr_t last = 0;
  uintptr_t storage = 0;
  if (tensor.numel() > 0) {
    int64_t reach = 1;
    for (int64_t dim = 0; dim < tensor.dim(); dim++) reach += (tensor.size(dim) - 1) * tensor.stride(dim);
    storage = reinterpret_cast<uintptr_t>(tensor.storage().unsafeGetStorageImpl());
    first = reinterpret_cast<uintptr_t>(tensor.const_data_ptr());
    last = first + static_cast<uintptr_t>(reach) * tensor.element_size();
  }
  range.Set(0U, static_cast<double>(storage));
  range.Set(1U, static_cast<double>(first));
  range.Set(2U, static_cast<double>(last));
  range.Set(3U, is_plain(tensor));
  return range;
}

// version(tensor) -> how often it was changed in place, once the running jobs are done; inference tensors have no
// version
Napi::Value version(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const TensorPromisePtr promise = addon.promise(info[0]);
  const int64_t count = addon.run(Effects::reading(promise), [&] {
    const at::Tensor& tensor = promise->get();
    return tensor.is_inference() ? 0 : tensor._version();
  });
  return Napi::Number::New(info.Env(), static_cast<double>(count));
}

// fromStorage(storage, scalarType, offset, size, stride) -> a tensor on the memory of `storage`
Napi::Value from_storage(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const TensorPromisePtr promise = addon.promise(info[0]);
  const auto dtype = static_cast<at::ScalarType>(to_int(info[1], "dtype"));
  const int64_t offset = to_int(info[2], "storage_offset");
  const auto size = to_ints(info[3], "size");
  const auto stride = to_ints(info[4], "stride");
  return addon.wrap(info.Env(), addon.run(Effects::reading(promise), [&] {
    const at::Tensor& storage = promise->get();
    at::Tensor tensor = at::empty({0}, storage.options().dtype(dtype));
    tensor.set_(storage.storage(), offset, size, stride);
    return tensor;
  }));
}

}  // namespace

void init_storage(Napi::Object exports) {
  define<read_bytes>(exports, "readBytes");
  define<write_bytes>(exports, "writeBytes");
  define<memory_range>(exports, "memoryRange");
  define<version>(exports, "version");
  define<from_storage>(exports, "fromStorage");
}

}  // namespace rnn::binding
