#pragma once
#include <napi.h>

#include <vector>

#include "binding/addon.h"

namespace rnn::binding {

// A list of tensors from JavaScript, some of which may be pending.
class Cells {
 public:
  // From a Uint32Array of ids.
  Cells(const Addon& addon, Napi::Value value) {
    napi_typedarray_type type = napi_int8_array;
    size_t count = 0;
    void* data = nullptr;
    const bool is_list =
        napi_get_typedarray_info(value.Env(), value, &type, &count, &data, nullptr, nullptr) == napi_ok;
    TORCH_CHECK_TYPE(is_list && type == napi_uint32_array, "expected a list of Tensors");
    const auto* ids = static_cast<const Handles::Id*>(data);
    cells_.reserve(count);
    for (size_t i = 0; i < count; i++) cells_.push_back(addon.handles->cell(ids[i]));
  }

  std::vector<at::Tensor> get() const {
    std::vector<at::Tensor> tensors;
    tensors.reserve(cells_.size());
    for (const CellPtr& cell : cells_) tensors.push_back(cell->get());
    return tensors;
  }

  size_t size() const { return cells_.size(); }
  auto begin() const { return cells_.begin(); }
  auto end() const { return cells_.end(); }

 private:
  std::vector<CellPtr> cells_;
};

// The tensors of several lists.
template <typename... Lists>
Effects::Cells joined(const Lists&... lists) {
  Effects::Cells cells;
  (cells.append(lists.begin(), lists.end()), ...);
  return cells;
}

}  // namespace rnn::binding
