#pragma once
#include <napi.h>

#include <exception>
#include <string>

namespace rnn::binding {

// An exception thrown by a queued operator, with the operator's name, which is not known where the error is reported.
struct OperatorError {
  std::string name;
  std::exception_ptr cause;
};

// Must be called on the JavaScript thread.
Napi::Error to_javascript(Napi::Env env, std::exception_ptr exception);

}  // namespace rnn::binding
