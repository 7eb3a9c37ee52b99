#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "runtime/tensors.h"

namespace rnn::runtime {

// Tells autograd and caches that the tensors have changed in place, where the operation that did it has not.
inline void bump_versions(const Tensors& tensors) {
  for (const at::Tensor& tensor : tensors) {
    if (!tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
  }
}

}  // namespace rnn::runtime
