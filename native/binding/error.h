#pragma once
#include <napi.h>

#include <exception>
#include <string>

namespace rnn::binding {

// What a queued operator threw, whose name would not be known where it is told.
struct OperatorError {
  std::string name;
  std::exception_ptr cause;
};

// Must be called on the JavaScript thread.
Napi::Error to_javascript(Napi::Env env, std::exception_ptr exception);

}  // namespace rnn::binding
