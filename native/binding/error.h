#pragma once
#include <napi.h>

#include <exception>

namespace rnn::binding {

// Must be called on the JavaScript thread.
Napi::Error to_javascript(Napi::Env env, std::exception_ptr exception);

}  // namespace rnn::binding
