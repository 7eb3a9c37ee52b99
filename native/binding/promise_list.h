#pragma once
#include <napi.h>

#include <vector>

#include "binding/addon.h"

namespace rnn::binding {

// A list of tensors from JavaScript, some of which may be pending.
class PromiseList {
 public:
  // From a Uint32Array of ids.
  PromiseList(const Addon& addon, Napi::Value value) {
    napi_typedarray_type type = napi_int8_array;
    size_t count = 0;
    void* data = nullptr;
    const bool is_list =
        napi_get_typedarray_info(value.Env(), value, &type, &count, &data, nullptr, nullptr) == napi_ok;
    TORCH_CHECK_TYPE(is_list && type == napi_uint32_array, "expected a list of Tensors");
    const auto* ids = static_cast<const Handles::Id*>(data);
    promises_.reserve(count);
    for (size_t i = 0; i < count; i++) promises_.push_back(addon.handles->promise(ids[i]));
  }

  std::vector<at::Tensor> get() const {
    std::vector<at::Tensor> tensors;
    tensors.reserve(promises_.size());
    for (const TensorPromisePtr& promise : promises_) tensors.push_back(promise->get());
    return tensors;
  }

  size_t size() const { return promises_.size(); }
  auto begin() const { return promises_.begin(); }
  auto end() const { return promises_.end(); }

 private:
  std::vector<TensorPromisePtr> promises_;
};

// The tensors of several lists.
template <typename... Lists>
Effects::Promises joined(const Lists&... lists) {
  Effects::Promises promises;
  (promises.append(lists.begin(), lists.end()), ...);
  return promises;
}

}  // namespace rnn::binding
