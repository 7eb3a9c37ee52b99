#pragma once
#include <napi.h>

#include <vector>

#include "binding/addon.h"

namespace rnn::binding {

// A list of tensors from JavaScript, some of which may be pending where the call is queued.
class Cells {
 public:
  // From a Uint32Array of ids. Waits unless JavaScript records.
  Cells(const Addon& addon, Napi::Value value) {
    const auto ids = value.As<Napi::Uint32Array>();
    const size_t count = ids.ElementLength();
    cells_.reserve(count);
    for (size_t i = 0; i < count; i++) {
      cells_.push_back(addon.handles->cell(ids[i]));
      if (!addon.recording) cells_.back()->get();
    }
  }

  std::vector<at::Tensor> get() const {
    std::vector<at::Tensor> tensors;
    tensors.reserve(cells_.size());
    for (const CellPtr& cell : cells_) tensors.push_back(cell->get());
    return tensors;
  }

  size_t size() const { return cells_.size(); }

 private:
  std::vector<CellPtr> cells_;
};

}  // namespace rnn::binding
