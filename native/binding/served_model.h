#pragma once
#include <memory>

#include "binding/handle.h"
#include "serve/model.h"

namespace rnn::binding {

// The packed weights of a model, for an engine.
using ServedModelPtr = std::shared_ptr<const serve::Model>;

template <>
struct HandleType<ServedModelPtr> {
  static constexpr const char* kName = "served model";
  static constexpr napi_type_tag kTag = {0x2c7be0a1946d4f58, 0xa1e53d7098c4b62f};
};

}  // namespace rnn::binding
