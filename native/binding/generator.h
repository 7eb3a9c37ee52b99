#pragma once
#include <ATen/core/Generator.h>
#include <napi.h>

#include <string>

namespace rnn::binding {

// The generator that a handle of `generator()` stands for; throws where `value` is none.
at::Generator to_generator(Napi::Value value, const std::string& name);

}  // namespace rnn::binding
