#pragma once
#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>
#include <napi.h>

#include <functional>
#include <string>
#include <vector>

#include "binding/addon.h"
#include "runtime/tensors.h"

namespace rnn::binding {

// TorchScript values, which can be nested. In JavaScript, tensors are { tensor: id }, dicts { entries: [[key, value],
// …] }, lists and tuples arrays.

// A value that has been read from JavaScript, but may contain tensors that are still pending.
using Later = std::function<c10::IValue()>;

// The tensors found in the values that have been read.
struct Given {
  Addon& addon;
  Effects::Promises tensors = {};
};

// Reads a value of this type; `place` names it in errors.
Later later(Given& given, const c10::TypePtr& type, Napi::Value value, const std::string& place);

Napi::Value to_value(Napi::Env env, Addon& addon, const c10::IValue& value);

// Whether a value of this type is a tensor or consists of tuples of tensors only, so that its structure is known in
// advance.
bool is_tensors(const c10::Type& type);
size_t count_tensors(const c10::Type& type);
void flatten(const c10::IValue& value, Tensors& tensors);
// Such a value with tensors that are not computed yet.
Napi::Value promised(Napi::Env env, const c10::Type& type, const std::vector<Handles::Id>& ids);

}  // namespace rnn::binding
