#pragma once
#include <ATen/core/Generator.h>
#include <napi.h>

#include <string>

namespace rnn::binding {

// The generator behind a handle of `generator()`. Throws if `value` is not such a handle.
at::Generator to_generator(Napi::Value value, const std::string& name);

}  // namespace rnn::binding
