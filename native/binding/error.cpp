#include <c10/util/Exception.h>
#include <torch/csrc/jit/frontend/error_report.h>

#include <sstream>

#include "binding/addon.h"
#include "binding/error.h"

namespace rnn::binding {
namespace {

struct ScriptMessage {
  std::string text;
};

}  // namespace
}  // namespace rnn::binding

// The message of a TorchScript error. Its what() is noexcept and shows the callers' source, for which it reads the
// debug files of the archive; if these are damaged, the process is terminated. Therefore they are read here first, with
// the access of a friend.
template <>
const torch::jit::ErrorReport& torch::jit::operator<< <rnn::binding::ScriptMessage*>(
    const ErrorReport& report, rnn::binding::ScriptMessage* const& message) {
  std::ostringstream shown;
  try {
    shown << report.ss.str() << ":\n";
    report.context.highlight(shown);
    message->text = shown.str();
    for (const Call& call : report.error_stack) call.caller_range.highlight(shown);
    message->text = report.what();
  } catch (const std::exception&) {
    if (message->text.empty()) message->text = report.ss.str();
  }
  return report;
}

namespace rnn::binding {
namespace {

// TypeScript turns `kind` and the text into the typed error. This function adds only what C++ knows.
Napi::Error make(Napi::Env env, const char* kind, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("kind", Napi::String::New(env, kind));
  return error;
}

}  // namespace

Napi::Error to_javascript(Napi::Env env, std::exception_ptr exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Napi::Error& error) {
    return error;
  } catch (const OperatorError& error) {
    Napi::Error cause = to_javascript(env, error.cause);
    cause.Set("op", Napi::String::New(env, error.name));
    return cause;
  } catch (const CancelledError& error) {
    return make(env, "cancelled", error.what());
  } catch (const DisposedError& error) {
    return make(env, "disposed", error.what());
  } catch (const PendingError& error) {
    return make(env, "pending", error.what());
  } catch (const c10::IndexError& error) {
    return make(env, "index", error.what_without_backtrace());
  } catch (const c10::TypeError& error) {
    return make(env, "type", error.what_without_backtrace());
  } catch (const c10::ValueError& error) {
    return make(env, "value", error.what_without_backtrace());
  } catch (const c10::NotImplementedError& error) {
    return make(env, "notImplemented", error.what_without_backtrace());
  } catch (const c10::OutOfMemoryError& error) {
    return make(env, "outOfMemory", error.what_without_backtrace());
  } catch (const c10::Error& error) {
    return make(env, "runtime", error.what_without_backtrace());
  } catch (const torch::jit::ErrorReport& error) {
    ScriptMessage message;
    error << &message;
    return make(env, "runtime", message.text);
  } catch (const std::bad_alloc&) {
    return make(env, "outOfMemory", "not enough memory");
  } catch (const std::exception& error) {
    return make(env, "runtime", error.what());
  } catch (...) {
    return make(env, "runtime", "an unknown C++ exception");
  }
}

Napi::Value guarded(const Napi::CallbackInfo& info, Napi::Value (*body)(const Napi::CallbackInfo&)) {
  try {
    return body(info);
  } catch (...) {
    to_javascript(info.Env(), std::current_exception()).ThrowAsJavaScriptException();
    return {};
  }
}

}  // namespace rnn::binding
