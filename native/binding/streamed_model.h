#pragma once
#include <string>
#include <utility>

#include "binding/handle.h"
#include "binding/promise_list.h"
#include "recurrent/model.h"
#include "recurrent/network.h"
#include "recurrent/stream.h"

namespace rnn::binding {

template <>
struct HandleType<ModelPlan> {
  static constexpr const char* kName = "model";
  static constexpr napi_type_tag kTag = {0x5d0c92e17b3f48a6, 0xe3178ab45f90c26d};
};

// What a model has around its network, from JavaScript: { plan, embedding, head, pooling }.
struct StreamedModel {
  ModelPlan& plan;
  // The rows, or nothing.
  PromiseList embedding;
  // Weight and bias, or only the weight.
  PromiseList head;
  Pooling pooling;

  StreamedModel(const Addon& addon, Napi::Object model);

  // The embedding (or undefined) and the head. Throws if they do not fit the network; `owner` begins the message.
  std::pair<at::Tensor, Tensors> parameters(const std::string& owner, const Network& net) const;
};

}  // namespace rnn::binding
