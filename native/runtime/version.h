#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "runtime/tensors.h"

namespace rnn::runtime {

// Tells autograd and caches that tensors have changed in place, for operations that do not do so.
inline void bump_versions(const Tensors& tensors) {
  for (const at::Tensor& tensor : tensors) {
    if (!tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
  }
}

}  // namespace rnn::runtime
