#pragma once
#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>
#include <napi.h>

#include <functional>
#include <string>
#include <vector>

#include "binding/addon.h"

namespace rnn::binding {

// The values of TorchScript, which nest. To and from JavaScript tensors are { tensor: id }, dicts
// { entries: [[key, value], …] }, lists and tuples arrays.

// A value that has been read from JavaScript, but may have tensors that are still to come from the lane.
using Later = std::function<c10::IValue()>;

// The tensors among the values that have been read.
struct Given {
  Addon& addon;
  Effects::Promises tensors = {};
};

// Reads a value of this type; `place` names it in errors.
Later later(Given& given, const c10::TypePtr& type, Napi::Value value, const std::string& place);

Napi::Value to_value(Napi::Env env, Addon& addon, const c10::IValue& value);

// Whether a value of this type is a tensor, or tuples of nothing but tensors: then its form is known before it exists.
bool is_tensors(const c10::Type& type);
size_t count_tensors(const c10::Type& type);
void flatten(const c10::IValue& value, std::vector<at::Tensor>& tensors);
// Such a value, whose tensors have yet to be computed.
Napi::Value promised(Napi::Env env, const c10::Type& type, const std::vector<Handles::Id>& ids);

}  // namespace rnn::binding
